import { UnsupportedError } from '../base/errors.ts'
import type { Arch } from '../linux/arch.ts'
import { no, yes } from './answer.ts'
import type { Answer, HostFacts } from './facts.ts'
import type { HostSource } from './source.ts'
import type { Status } from './status.ts'

type Kernel = HostFacts['kernel']

/** @throws UnsupportedError on an architecture without system-call tables */
export function readArch(source: HostSource): Arch {
  const arch = source.architecture
  if (arch === 'x64' || arch === 'arm64') return arch
  throw new UnsupportedError(`No system-call tables for the architecture "${arch}"`, {
    fact: 'arch',
    remedy: 'use a Node for x64 or arm64',
  })
}

/** @throws UnsupportedError when /proc is not mounted */
export function readKernel(source: HostSource): Kernel {
  const release = source.text('/proc/sys/kernel/osrelease')?.trim()
  const [, major, minor] = /^(\d+)\.(\d+)/.exec(release ?? '') ?? []
  if (release === undefined || major === undefined || minor === undefined) {
    throw new UnsupportedError('Cannot read /proc/sys/kernel/osrelease', {
      fact: 'kernel',
      remedy: 'run on Linux with procfs mounted on /proc (`mount -t proc proc /proc`)',
    })
  }
  return { release, major: Number(major), minor: Number(minor) }
}

export const isAtLeast = (kernel: Kernel, major: number, minor: number): boolean =>
  kernel.major > major || (kernel.major === major && kernel.minor >= minor)

/** A sysctl's integer value, or undefined when this kernel does not have it. */
export function readSysctl(source: HostSource, name: string): number | undefined {
  const text = source.text(`/proc/sys/${name.replaceAll('.', '/')}`)?.trim()
  return text === undefined || text === '' ? undefined : Number(text)
}

/** seccomp(2): actions_avail appeared with the kill_process and log actions in 4.14. */
export function readSeccomp(source: HostSource, status: Status): Answer {
  const actions = source.text('/proc/sys/kernel/seccomp/actions_avail')?.trim().split(' ')
  if (actions?.includes('errno') && actions.includes('kill_process')) return yes
  if (actions === undefined && status.seccomp === undefined) {
    return no('this kernel was built without seccomp', 'use a kernel with CONFIG_SECCOMP and CONFIG_SECCOMP_FILTER')
  }
  return no('this kernel has no seccomp filters with SECCOMP_RET_KILL_PROCESS', 'use Linux 4.14 or newer')
}

/** memfd_create(2): since 6.3 vm.memfd_noexec=2 refuses every executable memfd of a pid namespace. */
export function readMemfdExec(source: HostSource): Answer {
  if ((readSysctl(source, 'vm.memfd_noexec') ?? 0) < 2) return yes
  return no('vm.memfd_noexec is 2, so no memfd may be executed', 'sysctl -w vm.memfd_noexec=1')
}

/** Active security modules; without securityfs only those that show themselves elsewhere are found. */
export function readSecurityModules(source: HostSource): string[] {
  const listed = source.text('/sys/kernel/security/lsm')?.trim()
  if (listed) return listed.split(',')
  const found: string[] = []
  if (source.text('/sys/module/apparmor/parameters/enabled')?.trim() === 'Y') found.push('apparmor')
  if (source.entry('/sys/fs/selinux/enforce')) found.push('selinux')
  if (source.entry('/sys/fs/smackfs/load2')) found.push('smack')
  return found
}
