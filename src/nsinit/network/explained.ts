import { InvalidInputError, SyscallError, UnsupportedError } from '../../base/errors.ts'

/** What of container.json a request to the kernel carries out. */
export interface Purpose {
  /** JSON pointer, `/networks/1/bridge` */
  readonly field: string
  /** What cannot be when the kernel says no, `"br0" cannot be made` */
  readonly problem: string
  readonly remedy: string
}

/**
 * Does what a field of container.json asks of the kernel.
 * @throws InvalidInputError with field, the kernel's own text and the remedy; UnsupportedError where rights or a module are missing
 */
export function explained<T>({ field, problem, remedy }: Purpose, work: () => T): T {
  try {
    return work()
  } catch (error) {
    if (!(error instanceof SyscallError || error instanceof InvalidInputError)) throw error
    const rule = `${field} ${problem}: ${error.message}`
    const missing = error instanceof SyscallError ? MISSING[error.errno] : undefined
    if (missing) throw new UnsupportedError(rule, { ...missing, cause: error })
    throw new InvalidInputError(`${rule}: ${remedy}`, { field, cause: error })
  }
}

const MISSING: Readonly<Record<string, { readonly fact: string; readonly remedy: string }>> = {
  EPERM: { fact: 'CAP_NET_ADMIN', remedy: 'be root on the host, or leave interfaces of the host out' },
  EOPNOTSUPP: { fact: 'kind of interface', remedy: 'load the kernel modules "veth" and "bridge" (modprobe)' },
}
