import { dropBoundingSteps, noNewPrivilegesSteps, rootCapabilitySteps } from '../features/capabilities/capabilities.ts'
import { cgroupNamespaceSteps, loopbackSteps } from '../features/namespaces/namespaces.ts'
import { pivotSteps, privateSteps } from '../features/root/base-steps.ts'
import { nodeSteps, terminalsSteps } from '../features/root/devices.ts'
import { maskProcSteps, openCovers } from '../features/root/mask-proc.ts'
import { ownDevSteps } from '../features/root/own-dev.ts'
import { procSteps } from '../features/root/proc.ts'
import { bareTree, newFilesystem } from '../features/root/trees.ts'
import { seccompFilter } from '../features/seccomp/index.ts'
import { seccompSteps } from '../features/seccomp/seccomp-steps.ts'
import { becomeRootSteps, type IdMap } from '../features/users/id-map.ts'
import type { HostFacts } from '../host/facts.ts'
import { flagsValue } from '../linux/flags.ts'
import type { Fd, Pid, Ref } from '../linux/ref.ts'
import { OPEN } from '../linux/tables/open.ts'
import { type Program, program } from '../program/builder.ts'
import { execSteps } from '../program/exec-steps.ts'
import { type DescriptorMove, descriptorsStep } from '../program/special.ts'
import type { NsSettings } from './settings.ts'

/** What the programs of the container's first process are made from. */
export interface ContainerInput {
  readonly settings: NsSettings
  readonly map: IdMap | null
  readonly procPaths: HostFacts['procPaths']
  /** /dev is made here; otherwise the root's is used */
  readonly ownDev: boolean
  /** The init gets a terminal of the container's own */
  readonly terminal: boolean
}

/** A program with the references that its maker reads. */
export interface EnterProgram {
  readonly program: Program
  readonly pid: Ref<Pid>
  readonly uid: Ref<number>
  /** The terminal's end that stays in the process; its master is sent */
  readonly slave: Ref<Fd> | null
}

/**
 * The first thing that the released child does: whoever it is becomes uid 0, and the directory that it stands in its root.
 * Preconditions: it was made in its namespaces, stands in ROOT, its ids are mapped and it is in its groups.
 */
export function enterProgram({ settings, map, procPaths, ownDev, terminal }: ContainerInput): EnterProgram {
  const p = program()
  if (map) becomeRootSteps(p, map, { uid: 0, gid: 0 })
  else withoutGroupsSteps(p)
  p.because('namespaces', 'To be sure: the first process of its pid namespace, and root of what it is in')
  const [pid, uid] = [p.getpid(), p.geteuid()]
  cgroupNamespaceSteps(p)
  if (settings.network) loopbackSteps(p)
  p.because('namespaces', 'A name of its own; the host’s says where the container runs')
  p.sethostname(settings.hostname)
  p.because('root', 'Modes are meant as they are written here')
  p.umask(0)
  privateSteps(p)
  p.because(
    'root',
    `The container’s root must be able to enter ${settings.root}: chmod o+x it, or give it to that user`,
  )
  p.faccessat2('AT_FDCWD', '.', ['X_OK'], ['AT_EACCESS'])
  const nodes = ownDev ? nodeSteps(p) : []
  const covers = settings.mask ? openCovers(p, procPaths) : []
  const root = rootSteps(p)
  if (ownDev) ownDevSteps(p, root, nodes)
  pivotSteps(p, { fd: root, made: new Set() })
  p.close(root)
  if (settings.mask) maskProcSteps(p, procPaths, covers)
  p.because('init', 'A session keyring of its own: the caller’s keys are not the container’s (keyrings(7))')
  p.tolerate('ENOSYS', 'EPERM', 'EDQUOT', 'EACCES').keyctl('KEYCTL_JOIN_SESSION_KEYRING', null)
  if (ownDev && !terminal) terminalsSteps(p)
  return { program: p, pid, uid, slave: terminal ? ownTerminalSteps(p) : null }
}

/** Of another user's groups nothing is left in the container; in a user namespace its maker has seen to it. */
function withoutGroupsSteps(p: Program): void {
  p.because('users', 'The caller’s supplementary groups are not the container’s')
  p.setgroups([])
}

/** ROOT, by the working directory: it was resolved once, with the caller's rights, and needs no way to it any more. */
function rootSteps(p: Program): Ref<Fd> {
  p.because('root', 'ROOT as a mount, on top of the host’s root, which pivot_root lets go of')
  const root = bareTree(p, 'AT_FDCWD', '.')
  p.move_mount(root, '', 'AT_FDCWD', '/', ['MOVE_MOUNT_F_EMPTY_PATH'])
  procSteps(p, root, 'proc')
  return root
}

const TERMINAL = ['O_RDWR', 'O_NOCTTY', 'O_CLOEXEC'] as const

/** A terminal of a devpts of the container's own, which is seen at /dev/pts where the root has such a directory. */
function ownTerminalSteps(p: Program): Ref<Fd> {
  p.because('terminal', 'A terminal of its own; the host’s is never handed in (CVE-2017-5226)')
  const terminals = newFilesystem(p, 'devpts', { ptmxmode: '0666', mode: '0620' }, [
    'MOUNT_ATTR_NOSUID',
    'MOUNT_ATTR_NOEXEC',
  ])
  const master = p.openat(terminals, 'ptmx', TERMINAL)
  p.ioctl(master, 'TIOCSPTLCK', new Uint8Array(4))
  p.because(
    'terminal',
    'Its other end by the master: a path could have been replaced meanwhile (Linux 4.13, CVE-2025-52565)',
  )
  const slave = p.ioctlOpen(master, 'TIOCGPTPEER', flagsValue(OPEN, TERMINAL, p.arch, 'slave'))
  p.send(master)
  p.because('terminal', 'Seen where the root has a directory for it; on a link nothing is mounted, which is EINVAL')
  p.tolerate('ENOENT', 'ENOTDIR', 'EINVAL', 'ELOOP').move_mount(terminals, '', 'AT_FDCWD', '/dev/pts', [
    'MOVE_MOUNT_F_EMPTY_PATH',
  ])
  p.close(terminals)
  return slave
}

/**
 * The last program of the child, which ends in INIT. Privileges go last, the filter after them, unless it is the filter that needs one.
 * @param slave its terminal; undefined: three descriptors are attached
 */
export function execProgram(settings: NsSettings, slave?: number): Program {
  const p = program()
  p.because('terminal', 'A session of its own: no terminal of the caller’s can be its controlling one')
  p.tolerate('EPERM').setsid()
  if (slave !== undefined) p.ioctl(slave, 'TIOCSCTTY', 0)
  p.because('exec', 'Only these descriptors reach the program, every other one is close-on-exec (CVE-2024-21626)')
  descriptorsStep(
    p,
    [0, 1, 2].map((target): DescriptorMove => [slave ?? p.attached(target), target]),
  )
  p.umask(0o022)
  p.because('exec', 'The agent blocks signals for its signalfd; a program starts with none blocked')
  p.rt_sigprocmask('SIG_SETMASK', [])
  dropBoundingSteps(p, settings.capabilities)
  if (!settings.newPrivileges) noNewPrivilegesSteps(p)
  const filter = settings.seccomp ? seccompFilter(p.arch) : null
  // Without no_new_privs the kernel asks for CAP_SYS_ADMIN, which may be about to go (seccomp(2)).
  if (filter && settings.newPrivileges) seccompSteps(p, filter)
  rootCapabilitySteps(p, settings.capabilities)
  if (filter && !settings.newPrivileges) seccompSteps(p, filter)
  p.because(
    'exec',
    'INIT, from here on the code is not ours. It needs its interpreter or loader in ROOT, and a script a #! line',
  )
  execSteps(p, { path: settings.init, argv: [settings.init, ...settings.args], env: settings.env })
  return p
}
