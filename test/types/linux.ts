/** Compiled only: what the signatures of system calls must refuse. */
import {
  type Errno,
  type Fd,
  type Pid,
  type ProgramCalls,
  type Ref,
  type SysCalls,
  constantName,
  constantValue,
  decodeStruct,
  defineConstants,
  encodeStruct,
} from '../../src/linux/index.ts'

declare const p: ProgramCalls
declare const sys: SysCalls
declare const pid: Ref<Pid>

export function programs(): void {
  const fd: Ref<Fd> = p.openat('AT_FDCWD', '/proc', ['O_RDONLY', 'O_CLOEXEC'])
  p.setns(fd, ['CLONE_NEWNET'])
  p.setns(3, 0)
  p.kill(p.getppid(), 'SIGKILL')
  p.mount_setattr(fd, '', 'AT_EMPTY_PATH', { attr_set: ['MOUNT_ATTR_RDONLY'], userns_fd: fd })
  const pipe = p.pipe2(['O_CLOEXEC'])
  p.close(pipe.read)
  p.fcntl(fd, 'F_SETFD', 1)

  // @ts-expect-error a process is no descriptor
  p.close(pid)
  // @ts-expect-error a descriptor is no process
  p.kill(fd, 'SIGKILL')
  // @ts-expect-error no such flag
  p.openat('AT_FDCWD', '/proc', ['O_CLOEXC'])
  // @ts-expect-error a flag of another call
  p.unshare(['O_CLOEXEC'])
  // @ts-expect-error no such field
  p.openat2('AT_FDCWD', '/', { flag: ['O_PATH'] })
  // @ts-expect-error a descriptor field takes no process
  p.mount_setattr(3, '', 0, { userns_fd: pid })
  // @ts-expect-error the path is missing
  p.openat('AT_FDCWD')
  // @ts-expect-error closing has no result
  p.dup(p.close(3))
}

export async function calls(): Promise<void> {
  const fd: Fd = await sys.openat('AT_FDCWD', '/', ['O_PATH'])
  const bytes: Uint8Array = await sys.read(fd, 100, { timeoutMs: 5 })
  const { rusage } = await sys.wait4(-1, ['WNOHANG'])
  const seconds: number = rusage.ru_utime.tv_sec
  const value: bigint = decodeStruct('clone_args', bytes).pidfd
  encodeStruct('winsize', { ws_row: seconds })

  // @ts-expect-error results of programs stay in programs
  await sys.close(p.dup(1))
  // @ts-expect-error no such struct
  encodeStruct('winsiz', {})
  // @ts-expect-error a bigint is no string
  const text: string = value
  return void text
}

export function constants(): void {
  const flag: number = constantValue('clone', 'CLONE_NEWNS')
  const name: Errno | undefined = constantName('errno', 2)
  defineConstants(['O_CLOEXEC', 'MS_BIND', 4])
  constantValue('ptrace', 'PTRACE_GETREGS')
  constantValue('syscall', 'open', 'arm64')

  // @ts-expect-error no such group
  constantValue('clones', 'CLONE_NEWNS')
  // @ts-expect-error no such name in the group
  constantValue('clone', 'CLONE_NEWN')
  // @ts-expect-error a name of another group
  constantValue('clone', 'MS_BIND')
  // @ts-expect-error no such name in any group
  defineConstants(['O_CLOEXC'])
  // @ts-expect-error a word of mount(8) is no constant of a header
  defineConstants('rdonly')
  // @ts-expect-error there may be no name for the number
  const text: string = constantName('signal', flag)
  return void [text, name]
}
