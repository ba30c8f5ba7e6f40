import { UnsupportedError } from '../../base/errors.ts'
import type { HostSource } from '../../host/source.ts'
import { runtimeDirectory } from '../../host/systemd.ts'

/** Which systemd: the system's, PID 1, or the one that a user has for its own processes. */
export type ManagerKind = 'system' | 'user'

/** A socket at which a systemd can be asked. */
export interface BusPlace {
  /** Path; with NUL at its beginning an abstract name */
  readonly path: string
  /** Whether it is systemd's own socket, not that of a bus: nobody to say Hello to */
  readonly direct: boolean
}

/** A place by its path: systemd's own sockets have a name of their own. */
export const placeOf = (path: string): BusPlace => ({ path, direct: path.endsWith('/systemd/private') })

/**
 * Where to ask, best first: the address in the environment, the socket of the bus, the socket of systemd itself (of the system's only root may).
 * @throws UnsupportedError where systemd is not PID 1
 */
export function busPlaces(
  source: Pick<HostSource, 'entry' | 'variable' | 'mode'>,
  kind: ManagerKind,
  uid: number,
): readonly BusPlace[] {
  if (source.entry('/run/systemd/system')?.kind !== 'directory') {
    throw new UnsupportedError('systemd does not run this host', {
      fact: 'systemd',
      remedy: 'let groups be made by files, or boot the host with systemd as PID 1 (sd_booted(3))',
    })
  }
  const address = source.variable(kind === 'system' ? 'DBUS_SYSTEM_BUS_ADDRESS' : 'DBUS_SESSION_BUS_ADDRESS')
  const runtime = runtimeDirectory(source, uid)
  const usual =
    kind === 'user'
      ? [`${runtime}/bus`, `${runtime}/systemd/private`]
      : ['/run/dbus/system_bus_socket', ...(uid === 0 ? ['/run/systemd/private'] : [])]
  const there = usual.filter((path) => source.mode(path) !== undefined)
  return [...new Set([...parseBusAddress(address ?? ''), ...there])].map(placeOf)
}

/** What to do where no place answers. */
export function noBus(kind: ManagerKind, uid: number, cause?: unknown): UnsupportedError {
  const detail =
    kind === 'system'
      ? { fact: 'systemd.systemBus', remedy: 'install and start dbus, or mount /run/dbus of the host here' }
      : {
          fact: 'systemd.userBus',
          remedy:
            'log in (ssh, machinectl shell) instead of by su or sudo, which start no systemd for the user; or let it run always by ' +
            `"loginctl enable-linger" as root for user ${uid}, with XDG_RUNTIME_DIR=/run/user/${uid}`,
        }
  const whose = kind === 'system' ? 'systemd' : `the systemd of user ${uid}`
  const why = cause instanceof Error ? ` (${cause.message})` : ''
  return new UnsupportedError(`Cannot reach ${whose}${why}`, { ...detail, ...(cause === undefined ? {} : { cause }) })
}

/** Sockets of an address of D-Bus, `unix:path=/run/user/1000/bus,guid=…;…`; transports other than sockets of this host are left out. */
export function parseBusAddress(address: string): readonly string[] {
  return address.split(';').flatMap((each) => {
    const [, pairs] = /^unix:(.*)$/.exec(each) ?? []
    const values = Object.fromEntries<string>(
      (pairs ?? '').split(',').map((pair) => pair.split('=', 2) as [string, string]),
    )
    const path = unescape(values['path'])
    if (path?.startsWith('/')) return [path]
    const name = unescape(values['abstract'])
    return name ? [`\0${name}`] : []
  })
}

/** Bytes that are not in the specification's optionally-escaped set are `%2f`; what is escaped wrongly is none of ours to guess. */
function unescape(text: string | undefined): string | undefined {
  try {
    return text === undefined ? undefined : decodeURIComponent(text)
  } catch {
    return undefined
  }
}
