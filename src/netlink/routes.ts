import type { Route } from '../linux/netlink/route.ts'
import { addRoute, listRoutes, type NewRoute, removeRoute, type RouteFilter } from '../linux/netlink/routes.ts'
import type { Requester } from './requester.ts'

/** The routes of a network namespace. */
export class Routes {
  readonly #netlink: Requester

  constructor(netlink: Requester) {
    this.#netlink = netlink
  }

  /** Adds a route. @throws SyscallError EEXIST, ENETUNREACH for a gateway that no link reaches; InvalidInputError */
  add(route: NewRoute): Promise<void> {
    return this.#netlink.request(addRoute(route))
  }

  /** Takes a route away. @throws SyscallError ESRCH when there is none; InvalidInputError */
  remove(route: NewRoute): Promise<void> {
    return this.#netlink.request(removeRoute(route))
  }

  /** All routes, or those that fit. @throws InvalidInputError */
  list(filter?: RouteFilter): Promise<readonly Route[]> {
    return this.#netlink.request(listRoutes(filter))
  }
}
