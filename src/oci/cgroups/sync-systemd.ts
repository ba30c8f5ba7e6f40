import { StateError, SyscallError, UnsupportedError } from '../../base/errors.ts'
import { ANSWER_MS, BUS, MANAGER, OBJECT, SYSTEMD } from '../../cgroup/systemd/bus-names.ts'
import { type BusPlace, busPlaces, type ManagerKind, noBus } from '../../cgroup/systemd/bus-places.ts'
import { BusError } from '../../cgroup/systemd/dbus/bus-error.ts'
import { type BusValue, isVariant, variant } from '../../cgroup/systemd/dbus/value.ts'
import { explainRefusal, jobFailed, type Request } from '../../cgroup/systemd/explain-refusal.ts'
import type { UnitProperty } from '../../features/cgroups/systemd/systemd-property.ts'
import { attempt } from '../../kernel/call.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { stat } from '../../kernel/stat.ts'
import { type BusRequest, SyncBus } from './sync-bus.ts'

interface Names {
  readonly own: string
  readonly systemd: string
}

/** One conversation with a systemd, org.freedesktop.systemd1(5), that waits for each answer. */
export class SyncSystemd {
  readonly #bus: SyncBus
  /** Name of this connection on its bus, and of systemd's; none without a bus */
  readonly #names: Names | undefined

  private constructor(bus: SyncBus, names: Names | undefined) {
    this.#bus = bus
    this.#names = names
  }

  /** The system's, or the one of this user. @throws UnsupportedError where none can be reached, TimeoutError */
  static open(kernel: Kernel, kind: ManagerKind): SyncSystemd {
    const uid = attempt(kernel, 'geteuid')
    let reason: unknown
    for (const place of placesOf(kernel, kind, uid)) {
      try {
        return SyncSystemd.#at(kernel, place)
      } catch (error) {
        if (!(error instanceof BusError || error instanceof SyscallError)) throw error
        // A socket that a manager has left, a bus that nobody started systemd on: the next may do.
        reason = error
      }
    }
    throw noBus(kind, uid, reason)
  }

  static #at(kernel: Kernel, { path, direct }: BusPlace): SyncSystemd {
    const bus = SyncBus.open(kernel, path, ANSWER_MS)
    try {
      const systemd = new SyncSystemd(bus, direct ? undefined : greet(bus))
      systemd.#call({ path: OBJECT, interface: MANAGER, member: 'Subscribe' })
      return systemd
    } catch (error) {
      bus.close()
      throw error
    }
  }

  /** Version of systemd, 252. */
  version(): number {
    const [value] = this.#call({
      path: OBJECT,
      interface: 'org.freedesktop.DBus.Properties',
      member: 'Get',
      signature: 'ss',
      body: [MANAGER, 'Version'],
    })
    const text = value !== undefined && isVariant(value) ? textOf(value.value) : ''
    return Number(/\d+/.exec(text)?.[0] ?? 0)
  }

  /** @throws UnsupportedError where pids mean other processes to systemd than here; cannot be asked without a bus */
  assertSamePids(kernel: Kernel): void {
    if (!this.#names) return
    const request = { ...BUS, member: 'GetConnectionUnixProcessID', signature: 's', body: [this.#names.own] }
    const [pid] = this.#bus.call(request)
    const own = attempt(kernel, 'getpid')
    if (pid === own) return
    throw new UnsupportedError(`This process is ${Number(pid)} to systemd, and ${own} to itself`, {
      fact: 'systemd.pidNamespace',
      remedy: 'run in the pid namespace of systemd, or leave out --systemd-cgroup',
    })
  }

  /** Starts a unit that ends with its processes, and waits until it is there. @throws StateError, InvalidInputError, UnsupportedError */
  startTransient(unit: string, properties: readonly UnitProperty[]): void {
    const body = [unit, 'fail', wire(properties), []]
    this.#job({ verb: 'start', unit }, 'StartTransientUnit', 'ssa(sv)a(sa(sv))', body)
  }

  /** Stops a unit and waits until its processes have ended. @throws StateError */
  stop(unit: string): void {
    this.#job({ verb: 'stop', unit }, 'StopUnit', 'ss', [unit, 'replace'])
  }

  /** Makes systemd forget that a unit has failed, which keeps its name. @throws StateError */
  resetFailed(unit: string): void {
    this.#ask({ verb: 'reset', unit }, 'ResetFailedUnit', 's', [unit])
  }

  /** Changes properties of a live unit, until it ends. @throws StateError, InvalidInputError, UnsupportedError */
  setProperties(unit: string, properties: readonly UnitProperty[]): void {
    this.#ask({ verb: 'change', unit }, 'SetUnitProperties', 'sba(sv)', [unit, true, wire(properties)])
  }

  close(): void {
    this.#bus.close()
  }

  #call(request: BusRequest): readonly BusValue[] {
    const destination = this.#names ? { destination: this.#names.systemd } : {}
    return this.#bus.call({ ...destination, ...request })
  }

  #ask(request: Request, member: string, signature: string, body: readonly BusValue[]): readonly BusValue[] {
    try {
      return this.#call({ path: OBJECT, interface: MANAGER, member, signature, body })
    } catch (error) {
      throw explainRefusal(error, request)
    }
  }

  #job(request: Request, member: string, signature: string, body: readonly BusValue[]): void {
    const [job] = this.#ask(request, member, signature, body)
    const result = this.#result(textOf(job))
    if (result !== 'done') throw jobFailed(request, result)
  }

  #result(job: string): string {
    for (;;) {
      const { interface: owner, member, sender, body = [] } = this.#bus.signal()
      // Anybody on a bus may send a signal to anybody.
      if (owner !== MANAGER || member !== 'JobRemoved' || (this.#names && sender !== this.#names.systemd)) continue
      const [, path, , result] = body
      if (path === job) return textOf(result)
    }
  }
}

/** Registers on a bus, and asks for the signal that ends a job. @throws BusError when systemd is not on this bus */
function greet(bus: SyncBus): Names {
  const [own] = bus.call({ ...BUS, member: 'Hello' })
  const [systemd] = bus.call({ ...BUS, member: 'GetNameOwner', signature: 's', body: [SYSTEMD] })
  const rule = `type='signal',sender='${SYSTEMD}',path='${OBJECT}',interface='${MANAGER}',member='JobRemoved'`
  bus.call({ ...BUS, member: 'AddMatch', signature: 's', body: [rule] })
  return { own: textOf(own), systemd: textOf(systemd) }
}

/** Abstract sockets are of a network namespace, and nobody's systemd listens on one. */
function placesOf(kernel: Kernel, kind: ManagerKind, uid: number): readonly BusPlace[] {
  const mode = (path: string): number | undefined => stat(kernel, path)?.mode
  const entry = (path: string) => {
    const found = stat(kernel, path, { follow: false })
    if (!found) return undefined
    const type = found.kind === 'directory' ? ('directory' as const) : ('other' as const)
    return { kind: type, mode: found.mode, uid: found.uid, size: found.size }
  }
  const source = { mode, entry, variable: (name: string) => kernel.env[name] }
  return busPlaces(source, kind, uid).filter(({ path }) => !path.startsWith('\0'))
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
