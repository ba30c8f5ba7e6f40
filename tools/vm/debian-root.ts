import { createHash } from 'node:crypto'
import { chmodSync, existsSync, readFileSync } from 'node:fs'
import { cached } from './cache.ts'
import { hostCommand } from './host-command.ts'

export const DEBOOTSTRAP = '/usr/sbin/debootstrap'

const SUITE = 'bookworm'

// A system manager, managers of users, D-Bus for both; what the tests call; what node needs. udev stays away: devtmpfs has the devices.
const PACKAGES = [
  ...['systemd', 'systemd-sysv', 'dbus', 'dbus-user-session', 'libpam-systemd', 'apparmor', 'libstdc++6'],
  ...['iproute2', 'uidmap', 'busybox-static', 'python3-minimal', 'procps', 'e2fsprogs', 'kmod', 'strace', 'sudo'],
]

const DEBOOTSTRAP_MS = 900_000

const SOURCES = ['/etc/apt/sources.list', '/etc/apt/sources.list.d/debian.sources']

/** A Debian root with systemd as a folder; made once by debootstrap, from where this host gets its packages. */
export function findDebianRoot(): string {
  const key = createHash('sha256').update(PACKAGES.join(' ')).digest('hex').slice(0, 12)
  return cached(`${SUITE}-${key}`, (folder) => {
    const include = `--include=${PACKAGES.join(',')}`
    hostCommand(DEBOOTSTRAP, ['--variant=minbase', include, SUITE, folder, ...debianMirror()], {
      timeoutMs: DEBOOTSTRAP_MS,
    })
    chmodSync(folder, 0o755)
  })
}

function debianMirror(): readonly string[] {
  const texts = SOURCES.filter((path) => existsSync(path)).map((path) => readFileSync(path, 'utf8'))
  return texts.flatMap((text) => /^(?:deb (?:\[.*?\] )?|URIs: *)(\S+)/m.exec(text)?.[1] ?? []).slice(0, 1)
}
