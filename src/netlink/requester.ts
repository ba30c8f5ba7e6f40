import { SyscallError } from '../base/errors.ts'
import type { NetlinkRequest } from '../linux/netlink/request.ts'

/** Whatever carries requests out: a `Netlink`. */
export interface Requester {
  request<T>(request: NetlinkRequest<T>): Promise<T>
}

/** What was asked for; undefined when the kernel says that it is not there. */
export async function findBy<T>(netlink: Requester, request: NetlinkRequest<T>): Promise<T | undefined> {
  try {
    return await netlink.request(request)
  } catch (error) {
    if (error instanceof SyscallError && error.call.startsWith('RTM_GET') && error.errno === 'ENODEV') return undefined
    throw error
  }
}
