import { mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

// Services that a machine of a minute does not need, each of which takes seconds where the processor is software.
const MASKED = [
  ...['systemd-udevd.service', 'systemd-udev-trigger.service', 'systemd-timesyncd.service', 'systemd-resolved.service'],
  ...[
    'apt-daily.timer',
    'apt-daily-upgrade.timer',
    'dpkg-db-backup.timer',
    'e2scrub_all.timer',
    'e2scrub_reap.service',
  ],
  ...['fstrim.timer', 'getty@tty1.service', 'serial-getty@ttyS0.service', 'systemd-networkd.service'],
  ...['systemd-pstore.service', 'systemd-update-utmp.service', 'systemd-random-seed.service', 'modprobe@.service'],
  ...[
    'systemd-journal-flush.service',
    'systemd-sysusers.service',
    'systemd-modules-load.service',
    'systemd-sysctl.service',
  ],
  ...['systemd-update-utmp-runlevel.service', 'sys-kernel-tracing.mount', 'sys-fs-fuse-connections.mount'],
]

/** Writes what systemd needs to start `command` below `folder`, as paths of the root: a unit, and a user that has a manager from the start. */
export function writeSystemdFiles(
  folder: string,
  command: string,
  user: { readonly name: string; readonly id: number },
): void {
  const write = (path: string, text: string): void => {
    mkdirSync(dirname(join(folder, path)), { recursive: true })
    writeFileSync(join(folder, path), text)
  }
  write('etc/systemd/system/carrel-vm.service', unitOf(command, user.id))
  write(`var/lib/systemd/linger/${user.name}`, '')
  const units = join(folder, 'etc/systemd/system')
  mkdirSync(join(units, 'multi-user.target.wants'), { recursive: true })
  symlinkSync('../carrel-vm.service', join(units, 'multi-user.target.wants/carrel-vm.service'))
  symlinkSync('/lib/systemd/system/multi-user.target', join(units, 'default.target'))
  for (const unit of MASKED) symlinkSync('/dev/null', join(units, unit))
}

const unitOf = (command: string, user: number): string => `[Unit]
Description=Tests of Carrel
Wants=dbus.service systemd-logind.service user@${user}.service
After=basic.target dbus.service systemd-logind.service user@${user}.service apparmor.service

[Service]
Type=exec
ExecStart=${command}
`
