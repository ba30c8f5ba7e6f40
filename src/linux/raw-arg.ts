import type { DecimalPath } from './decimal-path.ts'
import type {
  BlockRequest,
  Capability,
  NamespaceRequest,
  NetRequest,
  PrctlValue,
  Securebit,
  SeccompMode,
  SeccompRequest,
  Signal,
  TtyRequest,
  TunRequest,
} from './tables/index.ts'

/** A path: text or bytes without NUL, or text that ends in a number which an earlier step yields. */
export type PathArg = string | Uint8Array | DecimalPath

/** An argument without a signature: a number, text (the address of a NUL-terminated string), bytes (their address), or NULL. */
export type RawArg = number | bigint | string | Uint8Array | DecimalPath | null

/** An argument of prctl(2): raw, or a kernel name; other text is a NUL-terminated string. */
export type PrctlArg = PrctlValue | Capability | Signal | Securebit | SeccompMode | readonly Securebit[] | RawArg

/** A request of ioctl(2) by name. */
export type IoctlRequest = TtyRequest | NetRequest | TunRequest | BlockRequest | NamespaceRequest | SeccompRequest
