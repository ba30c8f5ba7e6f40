import { statSync } from 'node:fs'
import { InvalidInputError } from '../base/errors.ts'
import type { StatxDecoded } from '../linux/generated/signatures.ts'
import type { Fd, Ref } from '../linux/ref.ts'
import type { Caller } from '../process/caller.ts'
import { type Program, program } from '../program/builder.ts'
import type { ProgramResult } from '../program/result.ts'
import type { NsSettings } from './settings.ts'

const S_IFMT = 0o170_000
const S_IFREG = 0o100_000
const S_IFDIR = 0o040_000
const S_IFCHR = 0o020_000
const OWNER_EXECUTES = 0o100

/** Looks at PRE, as the host sees it. @throws InvalidInputError when it is no file that its owner may execute */
export function inspectPre(pre: string): void {
  const found = statSync(pre, { throwIfNoEntry: false })
  if (!found) throw refuse('PRE', `${pre} does not exist on the host`)
  assertProgram('PRE', pre, found.mode)
}

/**
 * Looks at ROOT, and at what it must hold, as the container will see it: links in it are followed, and never out of it
 * (openat2(2) RESOLVE_IN_ROOT). Gives whether its /dev has devices that work.
 * @throws InvalidInputError naming what is missing
 */
export async function inspectRoot(
  caller: Caller,
  { root, init }: Pick<NsSettings, 'root' | 'init'>,
): Promise<{ readonly hasDevices: boolean }> {
  const p = program()
  p.because('root', 'Looks at what the container will see: inside the root, links included')
  const directory = p.tolerate(...MISSING).openat('AT_FDCWD', root, ['O_PATH', 'O_DIRECTORY', 'O_CLOEXEC'])
  const looks = {
    init: look(p, directory, init),
    // Mounted on, and no mount follows a link (move_mount(2)).
    proc: look(p, directory, '/proc', ['O_NOFOLLOW']),
    dev: look(p, directory, '/dev', ['O_NOFOLLOW']),
    null: look(p, directory, '/dev/null'),
  }
  const result = await caller.run(p)
  assertFound('ROOT', root, result, directory)
  const found = (name: keyof typeof looks): StatxDecoded | undefined => {
    const { file, status } = looks[name]
    return Number(result.get(file)) < 0 ? undefined : result.get(status)
  }
  try {
    const executable = found('init')
    if (!executable) assertFound('INIT', `${init} in ${root}`, result, looks.init.file)
    else assertProgram('INIT', `${init} in ${root}`, executable.stx_mode)
    for (const name of ['proc', 'dev'] as const) {
      if (kind(found(name)) === S_IFDIR) continue
      throw refuse('ROOT', `${root} has no directory ${name}, or a link instead of it: make it, to mount on`)
    }
    const device = found('null')
    const isNull = kind(device) === S_IFCHR && device?.stx_rdev_major === 1 && device.stx_rdev_minor === 3
    return { hasDevices: isNull && (await canOpen(caller, result.get(looks.null.file))) }
  } finally {
    const close = program()
    for (const fd of [directory, ...Object.values(looks).map(({ file }) => file)].map((ref) =>
      Number(result.get(ref)),
    )) {
      if (fd >= 0) close.close(fd)
    }
    await caller.run(close)
  }
}

interface Look {
  readonly file: Ref<Fd>
  readonly status: Ref<StatxDecoded>
}

const MISSING = ['ENOENT', 'ENOTDIR', 'EACCES', 'ELOOP', 'ENAMETOOLONG'] as const

function look(p: Program, root: Ref<Fd>, path: string, flags: readonly 'O_NOFOLLOW'[] = []): Look {
  const file = p.tolerate(...MISSING).openat2(root, path, {
    flags: ['O_PATH', 'O_CLOEXEC', ...flags],
    resolve: ['RESOLVE_IN_ROOT', 'RESOLVE_NO_MAGICLINKS'],
  })
  return { file, status: p.statx(file, '', ['AT_EMPTY_PATH'], ['STATX_TYPE', 'STATX_MODE']) }
}

const kind = (found: StatxDecoded | undefined): number | undefined => found && found.stx_mode & S_IFMT

/** A device on a mount with `nodev`, as /tmp often is, is one that cannot be opened. */
async function canOpen(caller: Caller, device: number): Promise<boolean> {
  const p = program()
  const opened = p
    .tolerate('EACCES', 'EPERM', 'ENXIO')
    .openat('AT_FDCWD', `/proc/self/fd/${device}`, ['O_RDWR', 'O_CLOEXEC'])
  p.close(opened)
  return Number((await caller.run(p)).get(opened)) >= 0
}

const REASONS: Readonly<Record<number, string>> = {
  2: 'does not exist',
  13: 'may not be looked at by this user: a directory above it is closed',
  20: 'leads through something that is no directory, or is none',
  36: 'has a name that is too long',
  40: 'leads through too many symbolic links',
}

function assertFound(field: string, what: string, result: ProgramResult, file: Ref<Fd>): void {
  const opened = Number(result.get(file))
  if (opened < 0) throw refuse(field, `${what} ${REASONS[-opened] ?? `cannot be opened: error ${-opened}`}`)
}

function assertProgram(field: string, what: string, mode: number): void {
  if ((mode & S_IFMT) !== S_IFREG) throw refuse(field, `${what} is no regular file`)
  if ((mode & OWNER_EXECUTES) === 0) throw refuse(field, `${what} may not be executed by its owner: chmod u+x it`)
}

const refuse = (field: string, why: string): InvalidInputError => new InvalidInputError(`${field} ${why}`, { field })
