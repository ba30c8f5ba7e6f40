import { textOf } from './decode.ts'
import { align } from './encode.ts'
import {
  IFLA,
  IFLA_BR,
  IFLA_BRPORT,
  IFLA_INFO,
  IFLA_IPVLAN,
  IFLA_MACVLAN,
  IFLA_VLAN,
  IFLA_VXLAN,
  VETH_INFO,
} from './tables/links.ts'
import { RTM } from './tables/messages.ts'
import { FRA, IFA, NDA, NETNSA, RTA, RTAX } from './tables/routing.ts'

type Names = Readonly<Record<string, number>>

/** Attributes of one level: their names, and what is inside of them. */
interface Level {
  readonly names: Names
  /** Bytes in front of the attributes */
  readonly head: number
  readonly inside: Readonly<Record<number, (siblings: ReadonlyMap<number, Uint8Array>) => Level | undefined>>
}

const level = (names: Names, head = 0, inside: Level['inside'] = {}): Level => ({ names, head, inside })

const HEADER = 16
const ATTRIBUTE = 4
const IFINFOMSG = 16

const LINK: Level = level(IFLA, IFINFOMSG, { [IFLA.IFLA_LINKINFO]: () => LINK_INFO })
const LINK_INFO: Level = level(IFLA_INFO, 0, {
  [IFLA_INFO.IFLA_INFO_DATA]: (siblings) => DATA[textOf(siblings.get(IFLA_INFO.IFLA_INFO_KIND)) ?? ''],
  [IFLA_INFO.IFLA_INFO_SLAVE_DATA]: () => level(IFLA_BRPORT),
})
const DATA: Readonly<Record<string, Level>> = {
  veth: level(VETH_INFO, 0, { [VETH_INFO.VETH_INFO_PEER]: () => LINK }),
  bridge: level(IFLA_BR),
  macvlan: level(IFLA_MACVLAN),
  macvtap: level(IFLA_MACVLAN),
  ipvlan: level(IFLA_IPVLAN),
  vlan: level(IFLA_VLAN),
  vxlan: level(IFLA_VXLAN),
}
const ROUTE = level(RTA, 12, { [RTA.RTA_METRICS]: () => level(RTAX) })

const FAMILIES: readonly (readonly [prefix: RegExp, level: Level])[] = [
  [/LINK$/, LINK],
  [/ADDR$/, level(IFA, 8)],
  [/ROUTE$/, ROUTE],
  [/NEIGH$/, level(NDA, 12)],
  [/RULE$/, level(FRA, 12)],
  [/NSID$/, level(NETNSA, 4)],
]

/** The attributes of a request of ours. */
function levelOf(type: number): Level | undefined {
  const name = Object.entries(RTM).find(([, number]) => number === type)?.[0] ?? ''
  return FAMILIES.find(([pattern]) => pattern.test(name))?.[1]
}

const nameIn = (names: Names, type: number): string =>
  Object.keys(names).find((name) => names[name] === type) ?? `attribute ${type}`

/** The name of the innermost attribute that holds a place in a request (NLMSGERR_ATTR_OFFS), or undefined. */
export function attributeNameAt(request: Uint8Array, offset: number): string | undefined {
  const view = new DataView(request.buffer, request.byteOffset, request.byteLength)
  if (request.length < HEADER) return undefined
  const found = levelOf(view.getUint16(4, true))
  return found && nameWithin(request.subarray(HEADER), found, offset - HEADER)
}

/** The name of an attribute that the kernel misses (NLMSGERR_ATTR_MISS_TYPE); `nest` is the offset of where it should stand. */
export function missingName(request: Uint8Array, type: number, nest: number | undefined): string {
  const view = new DataView(request.buffer, request.byteOffset, request.byteLength)
  const outer = request.length < HEADER ? undefined : levelOf(view.getUint16(4, true))
  const within = nest === undefined ? undefined : attributeNameAt(request, nest)
  if (within !== undefined) return `attribute ${type} in ${within}`
  return outer ? nameIn(outer.names, type) : `attribute ${type}`
}

function nameWithin(bytes: Uint8Array, { names, head, inside }: Level, offset: number): string | undefined {
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const siblings = new Map<number, Uint8Array>()
  for (let at = align(head); at + ATTRIBUTE <= bytes.length;) {
    const size = view.getUint16(at, true)
    if (size < ATTRIBUTE || at + size > bytes.length) return undefined
    const type = view.getUint16(at + 2, true) & 0x3fff
    const value = bytes.subarray(at + ATTRIBUTE, at + size)
    siblings.set(type, value)
    if (offset >= at && offset < at + size) {
      const inner = inside[type]?.(siblings)
      return (inner && nameWithin(value, inner, offset - at - ATTRIBUTE)) ?? nameIn(names, type)
    }
    at += align(size)
  }
  return undefined
}
