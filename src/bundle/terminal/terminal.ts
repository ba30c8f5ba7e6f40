import { UnsupportedError } from '../../base/errors.ts'
import { flagsValue } from '../../linux/flags.ts'
import type { StatfsDecoded } from '../../linux/generated/signatures.ts'
import type { Fd, Ref } from '../../linux/ref.ts'
import { OPEN } from '../../linux/tables/open.ts'
import type { Program } from '../../program/builder.ts'
import type { ProgramResult } from '../../program/result.ts'

/** `DEVPTS_SUPER_MAGIC` of linux/magic.h */
const DEVPTS_SUPER_MAGIC = 0x1cd1
const FLAGS = ['O_RDWR', 'O_NOCTTY', 'O_CLOEXEC'] as const

/** Data of the message that carries the master: engines take any name, and runc's has been this one too. */
export const CONSOLE_NAME = '/dev/ptmx'

/** How a terminal is to be. */
export interface TerminalInput {
  /** Owner of the slave, as the user namespace numbers it; the group is what the mount of devpts says */
  readonly uid: number
  /** Characters */
  readonly size?: { readonly height: number; readonly width: number }
  /** A child of this process is to have it: `controlSteps` are for that one. Default false */
  readonly forChild?: boolean
}

/** A terminal that is the controlling one of the process. */
export interface Terminal {
  readonly master: Ref<Fd>
  /** For 0, 1 and 2 of the program, and for `/dev/console` */
  readonly slave: Ref<Fd>
  /** @throws UnsupportedError when it is not of a devpts */
  check(result: ProgramResult): void
}

/**
 * Makes a terminal in the container's own devpts, and a session that it controls. The slave is opened through the master, as its path could
 * have been replaced meanwhile (TIOCGPTPEER, Linux 4.13; CVE-2025-52565).
 * `root` is the container's root while another one is in force, else `AT_FDCWD`.
 */
export function terminalSteps(p: Program, root: Ref<Fd> | number | 'AT_FDCWD', input: TerminalInput): Terminal {
  const { uid, size, forChild = false } = input
  p.because('terminal', 'A terminal of the container’s own devpts; the host’s is never handed in')
  const inside = root !== 'AT_FDCWD'
  const master = p.openat2(root, '/dev/pts/ptmx', {
    flags: FLAGS,
    resolve: inside ? ['RESOLVE_IN_ROOT', 'RESOLVE_NO_SYMLINKS'] : ['RESOLVE_NO_SYMLINKS'],
  })
  const statfs: Ref<StatfsDecoded> = p.fstatfs(master)
  p.ioctl(master, 'TIOCSPTLCK', new Uint8Array(4))
  const slave = p.ioctlOpen(master, 'TIOCGPTPEER', flagsValue(OPEN, FLAGS, p.arch, 'slave'))
  p.fchown(slave, uid, -1)
  if (size) p.ioctl(slave, 'TIOCSWINSZ', winsize(size))
  if (!forChild) controlSteps(p, slave)
  return {
    master,
    slave,
    check(result) {
      if (result.get(statfs).f_type === DEVPTS_SUPER_MAGIC) return
      throw new UnsupportedError('/process/terminal is true, but /dev/pts of the container is no devpts', {
        fact: 'devpts',
        remedy: 'add a mount of type devpts with destination /dev/pts to /mounts',
      })
    },
  }
}

/** A session of the process's own that a terminal controls. */
export function controlSteps(p: Program, slave: Ref<Fd> | number): void {
  p.because(
    'terminal',
    'A session of its own, which the terminal controls: job control works, and no other one can be its (CVE-2017-5226)',
  )
  p.setsid()
  p.ioctl(slave, 'TIOCSCTTY', 0)
}

/** Puts the terminal at `/dev/console`: the slave itself, by descriptor. `target` is the file to be covered, O_PATH. */
export function consoleSteps(p: Program, slave: Ref<Fd>, target: Ref<Fd>): void {
  p.because('terminal', '/dev/console is the terminal: runtime-spec config-linux.md, Default Devices')
  const tree = p.open_tree(slave, '', ['OPEN_TREE_CLONE', 'OPEN_TREE_CLOEXEC', 'AT_EMPTY_PATH'])
  p.move_mount(tree, '', target, '', ['MOVE_MOUNT_F_EMPTY_PATH', 'MOVE_MOUNT_T_EMPTY_PATH'])
  p.close(tree)
}

/** Sends the master to a connected console socket. */
export function consoleSocketSteps(p: Program, socket: Ref<Fd> | number, master: Ref<Fd>): void {
  p.because('terminal', 'The master goes to whoever asked for the terminal')
  p.sendmsg(socket, { data: CONSOLE_NAME, rights: [master] }, ['MSG_NOSIGNAL'])
  p.close(master)
}

/** `struct winsize` (ioctl_tty(2)): rows, columns, and two fields in pixels. */
function winsize({ height, width }: { readonly height: number; readonly width: number }): Uint8Array {
  const bytes = new Uint8Array(8)
  const view = new DataView(bytes.buffer)
  view.setUint16(0, height, true)
  view.setUint16(2, width, true)
  return bytes
}
