import { UnsupportedError } from '../../base/errors.ts'
import type { StatfsDecoded, StatxDecoded } from '../../linux/generated/signatures.ts'
import type { OpenFlag } from '../../linux/tables/open.ts'
import type { Fd, Ref } from '../../linux/ref.ts'
import type { Program } from '../../program/builder.ts'
import type { ProgramResult } from '../../program/result.ts'

/** `PROC_SUPER_MAGIC` of linux/magic.h, and the inode of its root. */
const PROC_SUPER_MAGIC = 0x9fa0
const PROC_ROOT_INO = 1n

/** The host's procfs, opened before any mount of the container. */
export interface ProcfsHandle {
  readonly fd: Ref<Fd>
  readonly statfs: Ref<StatfsDecoded>
  readonly stat: Ref<StatxDecoded>
}

/** Opens the host's `/proc`: what is mounted at the container's own may be anything (CVE-2019-16884, CVE-2025-52881). */
export function procfsSteps(p: Program): ProcfsHandle {
  p.because(
    'process',
    'The procfs that labels and scores are written through, whatever a container mounts over its own',
  )
  const fd = p.openat2('AT_FDCWD', '/proc', {
    flags: ['O_PATH', 'O_DIRECTORY', 'O_CLOEXEC'],
    resolve: ['RESOLVE_NO_SYMLINKS'],
  })
  return { fd, statfs: p.fstatfs(fd), stat: p.statx(fd, '', ['AT_EMPTY_PATH'], ['STATX_INO']) }
}

/** @throws UnsupportedError when `/proc` is no procfs */
export function assertProcfs(result: ProgramResult, handle: ProcfsHandle): void {
  const isProcfs = result.get(handle.statfs).f_type === PROC_SUPER_MAGIC
  if (isProcfs && result.get(handle.stat).stx_ino === PROC_ROOT_INO) return
  throw new UnsupportedError('What is mounted at /proc is no procfs', {
    fact: 'procfs',
    remedy: 'mount one: mount -t proc proc /proc',
  })
}

/** Opens a file of procfs: nothing that is mounted below it, and no magic link, is followed. */
export function openProcfs(p: Program, proc: Ref<Fd> | number, path: string, access: OpenFlag): Ref<Fd> {
  return p.openat2(proc, path, {
    flags: [access, 'O_CLOEXEC', 'O_NOFOLLOW'],
    resolve: ['RESOLVE_BENEATH', 'RESOLVE_NO_XDEV', 'RESOLVE_NO_MAGICLINKS'],
  })
}

/** Writes a file of procfs in one write(2). */
export function writeProcfs(p: Program, proc: Ref<Fd> | number, path: string, text: string): void {
  const file = openProcfs(p, proc, path, 'O_WRONLY')
  p.write(file, text)
  p.close(file)
}
