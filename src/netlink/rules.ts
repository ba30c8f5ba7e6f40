import type { Family } from '../linux/netlink/ip.ts'
import { addRule, listRules, type NewRule, removeRule, type Rule } from '../linux/netlink/rules.ts'
import type { Requester } from './requester.ts'

/** The rules of a network namespace. */
export class Rules {
  readonly #netlink: Requester

  constructor(netlink: Requester) {
    this.#netlink = netlink
  }

  /** Adds a rule. @throws SyscallError EEXIST; InvalidInputError */
  add(rule: NewRule): Promise<void> {
    return this.#netlink.request(addRule(rule))
  }

  /** Takes a rule away. @throws SyscallError ENOENT when there is none; InvalidInputError */
  remove(rule: NewRule): Promise<void> {
    return this.#netlink.request(removeRule(rule))
  }

  /** All rules, or those that fit. @throws InvalidInputError */
  list(filter?: { readonly family?: Family }): Promise<readonly Rule[]> {
    return this.#netlink.request(listRules(filter))
  }
}
