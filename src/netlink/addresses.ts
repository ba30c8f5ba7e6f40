import {
  addAddress,
  type Address,
  type AddressFilter,
  type AddressRef,
  listAddresses,
  type NewAddress,
  removeAddress,
} from '../linux/netlink/addresses.ts'
import type { Requester } from './requester.ts'

/** The addresses of a network namespace. */
export class Addresses {
  readonly #netlink: Requester

  constructor(netlink: Requester) {
    this.#netlink = netlink
  }

  /** Adds an address. @throws SyscallError EEXIST when the link has it; InvalidInputError */
  add(address: NewAddress): Promise<void> {
    return this.#netlink.request(addAddress(address))
  }

  /** Takes an address away. @throws SyscallError EADDRNOTAVAIL when the link does not have it; InvalidInputError */
  remove(address: AddressRef): Promise<void> {
    return this.#netlink.request(removeAddress(address))
  }

  /** All addresses, or those that fit. @throws InvalidInputError */
  list(filter?: AddressFilter): Promise<readonly Address[]> {
    return this.#netlink.request(listAddresses(filter))
  }
}
