import { SyscallError } from '../base/errors.ts'
import { whyDirectoryFailed, whyFailed } from '../features/cgroups/why-failed.ts'
import { quote } from '../linux/c-string.ts'
import type { Fd, Ref } from '../linux/ref.ts'
import type { CallOptions } from '../linux/call-options.ts'
import type { Caller, RunOptions } from '../process/caller.ts'
import { type Program, program } from '../program/builder.ts'
import { FILTERED, type ProgramResult, succeeded } from '../program/result.ts'

/** What a step is about, so that its failure can be told in words. */
export interface About {
  readonly path: string
  readonly value?: string
}

/** A directory that a program has opened. */
export interface OpenDirectory {
  readonly path: string
  readonly fd: Ref<Fd>
}

/** What a program may leave behind when nobody waits for its end any more is worse than waiting. */
const WITHOUT_LIMIT: CallOptions = { timeoutMs: Infinity }

/** A program about files of groups: what fails is told with the file, the value and the kernel's reason in words. */
export class GroupProgram {
  readonly p: Program = program()
  readonly #about = new Map<number, About>()

  /** Says which file the steps that `add` adds are about, and which value they write. */
  about<T>(path: string, value: string | undefined, add: (p: Program) => T): T {
    const from = this.p.length
    const result = add(this.p)
    const about = value === undefined ? { path } : { path, value }
    for (let step = from; step < this.p.length; step++) this.name(step, about)
    return result
  }

  /** The same for one step that is there already. */
  name(step: number, about: About): void {
    this.#about.set(step, about)
  }

  /** What a step is about, if somebody has said it. */
  aboutOf(step: number): About | undefined {
    return this.#about.get(step)
  }

  /** One write(2) of the whole value. @param missing errors of the open that are no failure: the write is then left out */
  write(path: string, value: string, missing: readonly string[] = []): Ref<number> {
    return this.about(path, value, (p) => {
      const file: Ref<Fd> = p.tolerate(...missing).openat('AT_FDCWD', path, ['O_WRONLY', 'O_CLOEXEC'])
      const written = p.write(file, value)
      p.close(file)
      return written
    })
  }

  /**
   * One read(2) of at most `size` bytes.
   * @param missing errors of open and read that are no failure
   * @param below an open directory that the path leads through, so that the kernel need not walk to it again
   */
  read(path: string, size: number, missing: readonly string[] = MISSING, below?: OpenDirectory): Ref<Uint8Array> {
    return this.about(path, undefined, (p) => {
      const [at, name] = below ? [below.fd, path.slice(below.path.length + 1)] : (['AT_FDCWD', path] as const)
      const file: Ref<Fd> = p.tolerate(...missing).openat(at, name, ['O_RDONLY', 'O_CLOEXEC'])
      const text = p.tolerate(...missing).read(file, size)
      p.close(file)
      return text
    })
  }

  /** Opens a directory that reads go below; `close` is to follow. @param missing errors that are no failure, nothing below it is there then */
  openDirectory(path: string, missing: readonly string[] = MISSING): OpenDirectory {
    return this.about(path, undefined, (p) => {
      return { path, fd: p.tolerate(...missing).openat('AT_FDCWD', path, ['O_PATH', 'O_DIRECTORY', 'O_CLOEXEC']) }
    })
  }

  /** Runs it in one message; a failure is a result too. */
  attempt(caller: Caller, options: RunOptions = {}): Promise<ProgramResult> {
    return caller.attempt(this.p, { ...WITHOUT_LIMIT, ...options })
  }

  /** Runs it in one message. @throws SyscallError with file, value and reason; also for a write that took less than the value */
  async run(caller: Caller, options?: RunOptions): Promise<ProgramResult> {
    const result = await this.attempt(caller, options)
    this.check(result)
    return result
  }

  /** @throws SyscallError */
  check(result: ProgramResult): void {
    if (result.failure) throw this.errorOf(result)
    for (const [step, about] of this.#about) {
      if (about.value === undefined || this.p.step(step)?.name !== 'write') continue
      const written = Number(result.result(step))
      const size = Buffer.byteLength(about.value)
      if (written >= 0 && written < size) throw this.#shortWrite(step, about, { written, size })
    }
  }

  /** The failure of a program that was stopped, in words. */
  errorOf(result: ProgramResult): Error {
    const { failure } = result
    if (failure && failure.errno !== FILTERED) {
      const about = this.aboutOf(failure.step)
      return new SyscallError(about ? { ...failure, ...inWords(failure, about) } : failure)
    }
    try {
      succeeded(result)
      throw new TypeError('Program did not fail')
    } catch (error) {
      return error as Error
    }
  }

  /** A limit that the kernel took in part is another limit. */
  #shortWrite(step: number, { path, value = '' }: About, { written, size }: { written: number; size: number }): Error {
    const because = `only ${written} of ${size} bytes were taken, and a rest that is written later is a value of its own`
    const args = `${quote(path)}, ${quote(value)}`
    return new SyscallError({ call: 'write', args, errno: 'EIO', step, steps: this.p.length, because })
  }
}

/** Errors that say that a file is not there, or that its group is not any more. */
export const MISSING = ['ENOENT', 'ENODEV', 'EOPNOTSUPP'] as const

function inWords(
  { call, errno, because }: { call: string; errno: string; because?: string },
  { path, value }: About,
): { args: string; because?: string } {
  const operation = ({ mkdirat: 'mkdir', unlinkat: 'rmdir' } as const)[call]
  const reason = operation ? whyDirectoryFailed(operation, errno) : whyFailed(path, value ?? '', errno)
  const args = value === undefined ? quote(path) : `${quote(path)}, ${quote(value)}`
  const why = reason ?? because
  return { args, ...(why === undefined ? {} : { because: why }) }
}
