import { realpathSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { ROOT } from '../project-files.ts'
import { findDebianRoot } from './debian-root.ts'
import type { KernelFiles } from './kernel.ts'
import type { Lane } from './lanes.ts'
import type { MachineOptions } from './machine.ts'
import { writeSystemdFiles } from './systemd-files.ts'

const START = '/bin/sh /carrel-vm/start.sh'

/** The ordinary user of a machine, as init.sh makes it. */
const USER = { name: 'carrel', id: 1000 }

const SYSTEMD_WORDS = ['systemd.unified_cgroup_hierarchy=1', 'apparmor=1', 'security=apparmor', 'systemd.show_status=0']

/** The machine of a lane. */
export function machineOptions(lane: Lane, kernel: KernelFiles): MachineOptions {
  const isDebian = lane.base === 'debian'
  const settings = {
    ...{ hierarchies: lane.hierarchies, repository: ROOT, node: realpathSync(process.execPath) },
    base: isDebian ? findDebianRoot() : '',
    start: isDebian ? '/sbin/init' : START,
  }
  return { kernel, settings, kernelWords: isDebian ? SYSTEMD_WORDS : [] }
}

/** Writes to the folder that a machine sees as `/carrel-vm` what makes it run a command of the shell in the repository, and turn itself off. */
export function writeStart(out: string, lane: Lane, command: string): void {
  writeFileSync(join(out, 'start.sh'), startScript(command))
  if (lane.base === 'debian') writeSystemdFiles(join(out, 'files'), START, USER)
}

// The kernel is turned off by sysrq, which needs no program; the first process may not end before.
const startScript = (command: string): string => `
export PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin HOME=/root LANG=C.UTF-8 CARREL_VM=1
exec </dev/null >/dev/console 2>&1
cd '${ROOT}' && ${command}
sync
echo o >/proc/sysrq-trigger
while :; do sleep 1; done
`
