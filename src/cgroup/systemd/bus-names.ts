/** systemd answers within milliseconds; a job may wait for others of the same unit */
export const ANSWER_MS = 30_000

/** Names of systemd on its bus, org.freedesktop.systemd1(5), and of the bus itself. */
export const SYSTEMD = 'org.freedesktop.systemd1'
export const OBJECT = '/org/freedesktop/systemd1'
export const MANAGER = `${SYSTEMD}.Manager`
export const BUS = {
  destination: 'org.freedesktop.DBus',
  path: '/org/freedesktop/DBus',
  interface: 'org.freedesktop.DBus',
} as const
