import type { DecimalPath } from './decimal-path.ts'
import type { Memory } from './memory.ts'
import type { Flock } from './generated/signatures.ts'
import type {
  BlockRequest,
  Capability,
  FdFlag,
  NamespaceRequest,
  NetRequest,
  OpenFlag,
  PrctlValue,
  Securebit,
  SealFlag,
  SeccompMode,
  SeccompRequest,
  Signal,
  TtyRequest,
  TunRequest,
} from './tables/index.ts'

/** A path: text or bytes without NUL, or text that ends in a number which an earlier step yields. */
export type PathArg = string | Uint8Array | DecimalPath

/**
 * An argument without a signature: a number, text (the address of a NUL-terminated string), bytes (their address), memory that the
 * kernel may write to, or NULL.
 */
export type RawArg = number | bigint | string | Uint8Array | Memory | DecimalPath | null

/** An argument of prctl(2): raw, or a kernel name; other text is a NUL-terminated string. */
export type PrctlArg = PrctlValue | Capability | Signal | Securebit | SeccompMode | readonly Securebit[] | RawArg

/** An argument of fcntl(2): raw, or flags by name: FD_CLOEXEC, flags of open(2), seals; or a lock. */
export type FcntlArg =
  FdFlag | OpenFlag | SealFlag | readonly (FdFlag | OpenFlag | SealFlag | number | bigint)[] | Flock | RawArg

/** A request of ioctl(2) by name. */
export type IoctlRequest = TtyRequest | NetRequest | TunRequest | BlockRequest | NamespaceRequest | SeccompRequest
