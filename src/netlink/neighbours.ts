import {
  addNeighbour,
  listNeighbours,
  type Neighbour,
  type NeighbourFilter,
  type NewNeighbour,
  removeNeighbour,
} from '../linux/netlink/neighbours.ts'
import type { Requester } from './requester.ts'

/** The neighbours of a network namespace. */
export class Neighbours {
  readonly #netlink: Requester

  constructor(netlink: Requester) {
    this.#netlink = netlink
  }

  /** Adds a neighbour. @throws SyscallError EEXIST; InvalidInputError */
  add(neighbour: NewNeighbour): Promise<void> {
    return this.#netlink.request(addNeighbour(neighbour))
  }

  /** Takes a neighbour away. @throws SyscallError ENOENT when there is none; InvalidInputError */
  remove(neighbour: Pick<NewNeighbour, 'dev' | 'to' | 'proxy'>): Promise<void> {
    return this.#netlink.request(removeNeighbour(neighbour))
  }

  /** All neighbours, or those that fit. @throws InvalidInputError */
  list(filter?: NeighbourFilter): Promise<readonly Neighbour[]> {
    return this.#netlink.request(listNeighbours(filter))
  }
}
