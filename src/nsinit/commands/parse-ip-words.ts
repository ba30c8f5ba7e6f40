import { InvalidInputError } from '../../base/errors.ts'
import { addAddress, removeAddress } from '../../linux/netlink/addresses.ts'
import { setLink } from '../../linux/netlink/links.ts'
import type { NetlinkRequest } from '../../linux/netlink/request.ts'
import { addRoute, removeRoute } from '../../linux/netlink/routes.ts'

/** What the words of `ip` ask for: something to be shown, or one change. */
export interface IpOrder {
  readonly shows: 'all' | 'interfaces' | 'routes'
  readonly change?: NetlinkRequest<void>
}

const FORMS = [
  'ip [addr|link|route]',
  'ip addr add|del CIDR dev NAME',
  'ip link set NAME [up|down] [mtu BYTES]',
  'ip route add|del CIDR|default [via ADDRESS] [dev NAME] [src ADDRESS]',
] as const

/** The part of ip(8) that a container needs. @throws InvalidInputError */
export function parseIpWords([object, verb, ...rest]: readonly string[]): IpOrder {
  if (object === undefined) return { shows: 'all' }
  const isShown = verb === undefined || ['show', 'list', 'ls'].includes(verb)
  if (isShown && rest.length === 0 && isAddressOrLink(object)) return { shows: 'interfaces' }
  if (isShown && rest.length === 0 && isRoute(object)) return { shows: 'routes' }
  const change = changeOf(object, verb ?? '', rest)
  if (change) return { shows: 'all', change }
  throw new InvalidInputError(`Words must be one of these forms:\n  ${FORMS.join('\n  ')}`, { field: 'words' })
}

const isAddressOrLink = (object: string): boolean => ['a', 'addr', 'address', 'l', 'link'].includes(object)
const isRoute = (object: string): boolean => ['r', 'route'].includes(object)

function changeOf(object: string, verb: string, words: readonly string[]): NetlinkRequest<void> | undefined {
  const [first, ...rest] = words
  if (first === undefined) return undefined
  if (['a', 'addr', 'address'].includes(object)) return addressChange(verb, first, optionsOf(rest, ['dev']))
  if (['l', 'link'].includes(object) && verb === 'set') return linkChange(first, rest)
  if (isRoute(object)) return routeChange(verb, first, optionsOf(rest, ['via', 'dev', 'src']))
  return undefined
}

type Options = Readonly<Record<string, string>>

/** Pairs of a name and a value; undefined for anything else. */
function optionsOf(words: readonly string[], names: readonly string[]): Options | undefined {
  const options: Record<string, string> = {}
  for (let at = 0; at < words.length; at += 2) {
    const [name = '', value] = words.slice(at, at + 2)
    if (!names.includes(name) || value === undefined || Object.hasOwn(options, name)) return undefined
    options[name] = value
  }
  return options
}

function addressChange(verb: string, address: string, options: Options | undefined): NetlinkRequest<void> | undefined {
  const dev = options?.['dev']
  if (dev === undefined) return undefined
  if (verb === 'add') return addAddress({ dev, address })
  return verb === 'del' ? removeAddress({ dev, address }) : undefined
}

function linkChange(name: string, words: readonly string[]): NetlinkRequest<void> | undefined {
  const state = words.find((word) => word === 'up' || word === 'down')
  const options = optionsOf(
    words.filter((word) => word !== state),
    ['mtu'],
  )
  if (options === undefined || words.length === 0) return undefined
  const { mtu } = options as { readonly mtu?: string }
  if (mtu !== undefined && !/^\d{1,10}$/.test(mtu)) {
    throw new InvalidInputError(`mtu must be a number of bytes, not ${JSON.stringify(mtu)}`, { field: 'mtu' })
  }
  return setLink(name, {
    ...(state === undefined ? {} : { up: state === 'up' }),
    ...(mtu === undefined ? {} : { mtu: Number(mtu) }),
  })
}

function routeChange(verb: string, to: string, options: Options | undefined): NetlinkRequest<void> | undefined {
  if (options === undefined || (verb !== 'add' && verb !== 'del')) return undefined
  const { via, dev, src } = options as { readonly via?: string; readonly dev?: string; readonly src?: string }
  const isSix = [to, via, src].some((each) => each?.includes(':'))
  const route = {
    to,
    ...(isSix ? { family: 'inet6' as const } : {}),
    ...(via === undefined ? {} : { via }),
    ...(dev === undefined ? {} : { dev }),
    ...(src === undefined ? {} : { source: src }),
  }
  return verb === 'add' ? addRoute(route) : removeRoute(route)
}
