import type { NetlinkRequest } from '../../linux/netlink/request.ts'

/** Rtnetlink in one network namespace: `SyncNetlink` is one. */
export interface Rtnetlink {
  /** @throws SyscallError with the kernel's own text */
  request<T>(request: NetlinkRequest<T>): T
  /** The same, with undefined for what is not there */
  find<T>(request: NetlinkRequest<T>): T | undefined
}
