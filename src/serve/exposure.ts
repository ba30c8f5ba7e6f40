import type { SandboxOptions } from '../sandbox/options.ts'
import { type Address, isLoopback, isWildcard, showAddress } from './address.ts'

/** What a server offers to whoever reaches it. */
export interface Offer {
  readonly command: readonly string[]
  readonly sandbox: SandboxOptions
  /** Permissions of unix sockets, `0o600` */
  readonly unixMode: number
}

/** What listening here exposes, for people; undefined when it is no more than the loopback, or a socket of one user. */
export function exposureOf(address: Address, offer: Offer): string | undefined {
  const who = audienceOf(address, offer.unixMode)
  if (who === undefined) return undefined
  const { user, net, binds = [] } = offer.sandbox
  const as = user === undefined ? 'a random user' : `user ${typeof user === 'object' ? user.uid : user}`
  const more = [
    ...(net === 'host' ? ["with this machine's network"] : []),
    ...(binds.length > 0 ? [`with ${binds.map(showBind).join(', ')} of this machine`] : []),
  ]
  const how = ['without a password', ...more].join(', ')
  return `anyone who ${who} runs ${JSON.stringify(offer.command.join(' '))} in a sandbox as ${as}, ${how}`
}

function audienceOf(address: Address, unixMode: number): string | undefined {
  if (address.kind === 'unix') {
    if (unixMode & 0o002) return `has an account on this machine and reaches ${address.path}`
    return unixMode & 0o020 ? `is in the group of ${address.path}` : undefined
  }
  if (isLoopback(address.host)) return undefined
  if (!isWildcard(address.host)) return `reaches ${showAddress(address)}`
  return `reaches port ${address.port} on ANY address of this machine, from any network it is in (${showAddress(address)}),`
}

const showBind = (bind: string | { readonly source: string }): string => (typeof bind === 'string' ? bind : bind.source)
