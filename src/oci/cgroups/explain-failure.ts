import { resourcePointer, type PointerPrefix } from '../../bundle/cgroups/resource-pointer.ts'
import { InvalidInputError, SyscallError, UnsupportedError } from '../../base/errors.ts'
import { whyDirectoryFailed, whyFailed } from '../../features/cgroups/why-failed.ts'
import { quote } from '../../linux/c-string.ts'

/** What a call on a file or directory of a group was for. */
export interface About {
  readonly path: string
  readonly value?: string
  /** Dotted paths of the limits that it enforces */
  readonly asks?: readonly string[]
}

/** Errors that say that the value is wrong here, not that the host lacks something. */
const WRONG = ['EINVAL', 'ERANGE', 'ENODEV', 'EBUSY', 'ENOSPC', 'EACCES']
/** Errors that say that the kernel has no such file, or the device no such control. */
const MISSING = ['ENOENT', 'EOPNOTSUPP']

/** A failure of the kernel's on a group in words: the JSON pointer of the limit, the file, the value and the kernel's reason. */
export function explainFailure(error: SyscallError, about: About, prefix: PointerPrefix = '/linux/resources'): Error {
  const { path, value, asks: [ask] = [] } = about
  const reason = reasonOf(error, about)
  if (ask === undefined || value === undefined) {
    const args = value === undefined ? quote(path) : `${quote(path)}, ${quote(value)}`
    const { call, errno, step, steps, because } = error
    const why = reason ?? because
    return new SyscallError({ call, args, errno, step, steps, ...(why === undefined ? {} : { because: why }) })
  }
  const pointer = resourcePointer(ask, prefix)
  const why = `because ${reason ?? error.errno}`
  const what = `${pointer} cannot be set: the kernel refuses ${quote(value)} in ${path} (${error.errno})`
  if (WRONG.includes(error.errno)) return new InvalidInputError(`${what}, ${why}`, { field: pointer, cause: error })
  if (MISSING.includes(error.errno)) {
    const detail = {
      fact: `cgroup file ${path.slice(path.lastIndexOf('/') + 1)}`,
      remedy: 'leave it out',
      cause: error,
    }
    return new UnsupportedError(`${what}, ${why}`, detail)
  }
  return new SyscallError({
    call: error.call,
    args: `${quote(path)}, ${quote(value)}`,
    errno: error.errno,
    step: 0,
    steps: 1,
    because: `${pointer}: ${reason ?? ''}`,
  })
}

function reasonOf({ call, errno }: SyscallError, { path, value = '' }: About): string | undefined {
  if (call === 'mkdirat' || call === 'unlinkat')
    return whyDirectoryFailed(call === 'mkdirat' ? 'mkdir' : 'rmdir', errno)
  return whyFailed(path, value, errno)
}
