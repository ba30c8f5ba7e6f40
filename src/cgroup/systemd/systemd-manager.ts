import { StateError, UnsupportedError } from '../../base/errors.ts'
import { ANSWER_MS, BUS, MANAGER, OBJECT, SYSTEMD } from './bus-names.ts'
import type { UnitProperty } from '../../features/cgroups/systemd/systemd-property.ts'
import { machineSource } from '../../host/source.ts'
import type { CallOptions } from '../../linux/call-options.ts'
import { waitFor } from '../../process/connection/waiting.ts'
import { type BusPlace, busPlaces, type ManagerKind, noBus, placeOf } from './bus-places.ts'
import { BusError } from './dbus/bus-error.ts'
import { type BusCall, BusConnection } from './dbus/connection.ts'
import type { BusMessage } from './dbus/message.ts'
import { type BusValue, isVariant, variant } from './dbus/value.ts'
import { explainRefusal, jobFailed, type Request } from './explain-refusal.ts'
import { Patience } from '../patience.ts'

/** Which systemd is asked, and how. */
export interface ManagerOptions extends CallOptions {
  /** Default: the system's for root, the own one of an ordinary user */
  readonly manager?: ManagerKind
  /** Path of the socket of its bus, or of its own (`…/systemd/private`); default: found by the environment and the usual places */
  readonly socket?: string
}

/** The kind of manager that a user asks when nothing else is said. */
export const usualManager = (uid: number): ManagerKind => (uid === 0 ? 'system' : 'user')

/** One connection to a systemd, for one request: org.freedesktop.systemd1(5). Every wait has the limit of the request. */
export class SystemdManager implements AsyncDisposable {
  readonly kind: ManagerKind
  readonly #connection: BusConnection
  readonly #patience: Patience
  /** Name of this connection on its bus, and of systemd's; none without a bus */
  readonly #names: { readonly own: string; readonly systemd: string } | undefined
  /** Results of jobs that have ended, by path: one may end before the call that made it is answered */
  readonly #results = new Map<string, string>()
  #noticed: () => void = () => {}

  private constructor(
    kind: ManagerKind,
    connection: BusConnection,
    patience: Patience,
    names?: { own: string; systemd: string },
  ) {
    this.kind = kind
    this.#connection = connection
    this.#patience = patience
    this.#names = names
    connection.onSignal((signal) => this.#notice(signal))
  }

  /**
   * @throws UnsupportedError where no systemd can be reached, InvalidInputError, TimeoutError, the signal's reason
   */
  static async open(options: ManagerOptions): Promise<SystemdManager> {
    const { timeoutMs = ANSWER_MS, signal } = options
    const patience = new Patience(() => 'systemd did not answer', { timeoutMs, ...(signal ? { signal } : {}) })
    const uid = process.getuid?.() ?? 0
    const kind = options.manager ?? usualManager(uid)
    const places = options.socket === undefined ? busPlaces(machineSource, kind, uid) : [placeOf(options.socket)]
    let reason: unknown
    for (const place of places) {
      try {
        return await SystemdManager.#at(kind, place, patience)
      } catch (error) {
        if (!(error instanceof BusError)) throw error
        // A bus that nobody started systemd on (dbus-run-session), a socket that a user's manager has left: the next may do.
        reason = error
      }
    }
    throw noBus(kind, uid, reason)
  }

  static async #at(kind: ManagerKind, place: BusPlace, patience: Patience): Promise<SystemdManager> {
    const connection = await BusConnection.open(place.path, patience.left())
    try {
      const names = place.direct ? undefined : await greet(connection, patience)
      const manager = new SystemdManager(kind, connection, patience, names)
      await manager.#call({ path: OBJECT, interface: MANAGER, member: 'Subscribe' })
      return manager
    } catch (error) {
      await connection.close()
      throw error
    }
  }

  /** Version of systemd, 252. */
  async version(): Promise<number> {
    const text = await this.#property(OBJECT, MANAGER, 'Version')
    return Number(/\d+/.exec(textOf(text))?.[0] ?? 0)
  }

  /** The group that it has itself, in which those of all its units are: `` for the system's, `/user.slice/user-1000.slice/user@1000.service` */
  async ownGroup(): Promise<string> {
    return textOf(await this.#property(OBJECT, MANAGER, 'ControlGroup'))
  }

  /** @throws UnsupportedError where pids mean other processes to systemd than here; cannot be asked without a bus */
  async assertSamePids(): Promise<void> {
    if (!this.#names) return
    const [pid] = await this.#connection.call(
      { ...BUS, member: 'GetConnectionUnixProcessID', signature: 's', body: [this.#names.own] },
      this.#patience.left(),
    )
    if (pid === process.pid) return
    throw new UnsupportedError(`This process is ${Number(pid)} to systemd, and ${process.pid} to itself`, {
      fact: 'systemd.pidNamespace',
      remedy: 'run in the pid namespace of systemd, or let groups be made by files',
    })
  }

  /** Starts a unit that ends with its processes; resolves when it is there. @throws StateError, InvalidInputError, UnsupportedError */
  startTransient(unit: string, properties: readonly UnitProperty[]): Promise<void> {
    return this.#job({ verb: 'start', unit }, 'StartTransientUnit', 'ssa(sv)a(sa(sv))', [
      unit,
      // Two requests for one name are an error, not one in place of the other.
      'fail',
      wire(properties),
      [],
    ])
  }

  /** Stops a unit and waits until its processes have ended. @throws StateError */
  stop(unit: string): Promise<void> {
    return this.#job({ verb: 'stop', unit }, 'StopUnit', 'ss', [unit, 'replace'])
  }

  /** Changes properties of a live unit, until it ends. @throws StateError, InvalidInputError, UnsupportedError */
  async setProperties(unit: string, properties: readonly UnitProperty[]): Promise<void> {
    const body = [unit, true, wire(properties)]
    await this.#ask({ verb: 'change', unit }, 'SetUnitProperties', 'sba(sv)', body)
  }

  /** Forgets that a unit has failed. @throws StateError */
  async resetFailed(unit: string): Promise<void> {
    await this.#ask({ verb: 'reset', unit }, 'ResetFailedUnit', 's', [unit])
  }

  /** Path of the group of a scope, in systemd's own hierarchy. @throws StateError */
  async controlGroup(unit: string): Promise<string> {
    const [path] = await this.#ask({ verb: 'find', unit }, 'GetUnit', 's', [unit])
    return textOf(await this.#property(textOf(path), `${SYSTEMD}.Scope`, 'ControlGroup'))
  }

  close(): Promise<void> {
    return this.#connection.close()
  }

  [Symbol.asyncDispose](): Promise<void> {
    return this.close()
  }

  #call(call: BusCall): Promise<readonly BusValue[]> {
    const destination = this.#names ? { destination: this.#names.systemd } : {}
    return this.#connection.call({ ...destination, ...call }, this.#patience.left())
  }

  async #ask(
    request: Request,
    member: string,
    signature: string,
    body: readonly BusValue[],
  ): Promise<readonly BusValue[]> {
    try {
      return await this.#call({ path: OBJECT, interface: MANAGER, member, signature, body })
    } catch (error) {
      throw explainRefusal(error, request)
    }
  }

  async #property(path: string, owner: string, name: string): Promise<BusValue> {
    const call = {
      path,
      interface: 'org.freedesktop.DBus.Properties',
      member: 'Get',
      signature: 'ss',
      body: [owner, name],
    }
    const [value] = await this.#call(call).catch((error: unknown) => {
      throw explainRefusal(error, { verb: 'read', unit: name })
    })
    return isVariant(value) ? value.value : ''
  }

  async #job(request: Request, member: string, signature: string, body: readonly BusValue[]): Promise<void> {
    const [job] = await this.#ask(request, member, signature, body)
    const what = `systemd did not ${request.verb} ${request.unit}`
    let result: string
    try {
      result = await waitFor(this.#result(textOf(job)), what, this.#patience.left(), () => {})
    } catch (error) {
      throw explainRefusal(error, request)
    }
    if (result !== 'done') throw jobFailed(request, result)
  }

  async #result(job: string): Promise<string> {
    const lost = this.#connection.lost()
    // Nobody waits for it any more once there is a result.
    lost.catch(() => {})
    for (;;) {
      const noticed = new Promise<void>((resolve) => {
        this.#noticed = resolve
      })
      const result = this.#results.get(job)
      if (result !== undefined) return result
      await Promise.race([noticed, lost])
    }
  }

  #notice({ interface: owner, member, sender, body = [] }: BusMessage): void {
    if (owner !== MANAGER || member !== 'JobRemoved') return
    // Anybody on a bus may send a signal to anybody.
    if (this.#names && sender !== this.#names.systemd) return
    const [, job, , result] = body
    if (typeof job === 'string' && typeof result === 'string') this.#results.set(job, result)
    this.#noticed()
  }
}

/** @throws StateError when systemd sends what org.freedesktop.systemd1(5) does not say */
function textOf(value: BusValue | undefined): string {
  if (typeof value === 'string') return value
  throw new StateError('systemd answers with something else than the text that it should', {
    state: typeof value,
    wanted: 'string',
  })
}

const wire = (properties: readonly UnitProperty[]): BusValue =>
  properties.map(({ name, signature, value }) => [name, variant(signature, value)])

/** Registers on a bus, and asks for the signal that ends a job. @throws BusError when systemd is not on this bus */
async function greet(connection: BusConnection, patience: Patience): Promise<{ own: string; systemd: string }> {
  const [own] = await connection.call({ ...BUS, member: 'Hello' }, patience.left())
  const [systemd] = await connection.call(
    { ...BUS, member: 'GetNameOwner', signature: 's', body: [SYSTEMD] },
    patience.left(),
  )
  const rule = `type='signal',sender='${SYSTEMD}',path='${OBJECT}',interface='${MANAGER}',member='JobRemoved'`
  await connection.call({ ...BUS, member: 'AddMatch', signature: 's', body: [rule] }, patience.left())
  return { own: textOf(own), systemd: textOf(systemd) }
}
