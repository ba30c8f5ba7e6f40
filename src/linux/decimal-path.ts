import { InvalidInputError } from '../base/errors.ts'
import { type AnyRef, type Fd, type Pid, Ref } from './ref.ts'

/** Text that ends in a number which is not known yet: the agent writes it in decimal just before the step runs. */
export class DecimalPath {
  readonly prefix: string
  readonly number: AnyRef

  constructor(prefix: string, number: AnyRef) {
    if (typeof prefix !== 'string' || !(number instanceof Ref)) {
      throw new InvalidInputError('Path that ends in a number is text and a result of an earlier step', {
        field: typeof prefix === 'string' ? 'number' : 'prefix',
      })
    }
    if (prefix.includes('\0')) throw new InvalidInputError('Path must not hold a NUL byte', { field: 'prefix' })
    this.prefix = prefix
    this.number = number
  }

  toString(): string {
    return `${this.prefix}${this.number.label}`
  }
}

/** A path that ends in a process id which an earlier step yields: `pathWithPid('/proc/', pid)`. */
export const pathWithPid = (prefix: string, pid: Ref<Pid>): DecimalPath => new DecimalPath(prefix, pid)

/** A path that ends in a descriptor which an earlier step yields: `pathWithFd('/proc/self/fd/', fd)`. */
export const pathWithFd = (prefix: string, fd: Ref<Fd>): DecimalPath => new DecimalPath(prefix, fd)
