import { InvalidInputError } from '../../base/errors.ts'
import { checkFamily } from './addresses.ts'
import { decodeAttributes, defined, headOf, type NetlinkMessage, textOf, u32Of, wordOf } from './decode.ts'
import {
  attribute,
  checkBoolean,
  checkKeys,
  checkNumber,
  checkWord,
  given,
  joined,
  type Piece,
  piece,
  text,
  u32,
} from './encode.ts'
import { type Cidr, FAMILIES, type Family, familyOf, formatIp, parseNetwork } from './ip.ts'
import { checkLinkName } from './link-name.ts'
import { creating, makeChange, makeRequest, type NetlinkRequest } from './request.ts'
import { tableNumber } from './routes.ts'
import type { TableRef } from './scope.ts'
import { NLM_F, RTM } from './tables/messages.ts'
import { FIB_RULE, FR_ACT, FRA } from './tables/routing.ts'

/** What a rule has the kernel do. */
export const RULE_ACTIONS = {
  table: FR_ACT.FR_ACT_TO_TBL,
  goto: FR_ACT.FR_ACT_GOTO,
  nop: FR_ACT.FR_ACT_NOP,
  blackhole: FR_ACT.FR_ACT_BLACKHOLE,
  unreachable: FR_ACT.FR_ACT_UNREACHABLE,
  prohibit: FR_ACT.FR_ACT_PROHIBIT,
} as const
export type RuleAction = keyof typeof RULE_ACTIONS

/** Which table of routes a packet is looked up in (ip-rule(8)). */
export interface NewRule {
  /** That of `from` and `to` without it, else inet */
  readonly family?: Family
  /** Rules are asked from the lowest on; the kernel takes one before the others without it */
  readonly priority?: number
  readonly from?: string
  readonly to?: string
  /** Name of the link that the packet came by; `lo` for what the machine sends itself */
  readonly iif?: string
  readonly oif?: string
  readonly fwmark?: number
  /** Bits of the mark that count; all without it */
  readonly fwmask?: number
  /** `main` without it */
  readonly table?: TableRef
  readonly action?: RuleAction
  /** Priority of the rule where to go on */
  readonly goto?: number
  /** Whether it is for the packets that do not fit */
  readonly not?: boolean
  /** Routes with a prefix of at most this length do not count */
  readonly suppressPrefixLength?: number
}

/** A rule as the kernel has it. */
export interface Rule extends Omit<NewRule, 'family' | 'table' | 'action' | 'priority'> {
  readonly family: Family
  readonly priority: number
  readonly table: number
  /** A word of RULE_ACTIONS, or a number as text */
  readonly action: string
}

const KEYS = [
  'family',
  'priority',
  'from',
  'to',
  'iif',
  'oif',
  'fwmark',
  'fwmask',
  'table',
  'action',
  'goto',
  'not',
  'suppressPrefixLength',
] as const satisfies readonly (keyof NewRule)[]

/** Size of `struct fib_rule_hdr` */
const HEAD = 12
const MOST = 0xffff_ffff

/** Adds a rule. The kernel says EEXIST for a second one that is the same. @throws InvalidInputError */
export const addRule = (rule: NewRule): NetlinkRequest<void> =>
  makeChange({ type: 'RTM_NEWRULE', flags: creating(), ...encodeRule(rule), about: aboutRule(rule) })

/** Takes a rule away: the first that all settings fit. The kernel says ENOENT when there is none. @throws InvalidInputError */
export const removeRule = (rule: NewRule): NetlinkRequest<void> =>
  makeChange({ type: 'RTM_DELRULE', flags: 0, ...encodeRule(rule), about: aboutRule(rule) })

const aboutRule = (rule: NewRule): string =>
  Object.entries(rule)
    .map(([key, value]) => `${key} ${String(value)}`)
    .join(' ')

function encodeRule(rule: NewRule): { head: Piece; attributes: readonly Piece[] } {
  checkKeys(rule, KEYS, 'A rule')
  const [from, to] = [networkOf(rule.from, 'from'), networkOf(rule.to, 'to')]
  const family = checkFamily(rule.family ?? from?.family ?? to?.family ?? 'inet')
  for (const [network, field] of [
    [from, 'from'],
    [to, 'to'],
  ] as const) {
    if (!network || network.family === family) continue
    throw new InvalidInputError(`${field} must be of the family ${family}, as the rule is`, { field })
  }
  const action = actionOf(rule)
  const table = rule.table === undefined && action !== RULE_ACTIONS.table ? 0 : tableNumber(rule.table)
  const head = Uint8Array.of(FAMILIES[family].number, to?.prefix ?? 0, from?.prefix ?? 0, 0)
  const rest = Uint8Array.of(table > 255 ? 0 : table, 0, 0, action)
  const invert = rule.not !== undefined && checkBoolean(rule.not, 'not') ? FIB_RULE.FIB_RULE_INVERT : 0
  return {
    head: joined([piece(head), piece(rest), piece(u32(invert))]),
    attributes: [
      ...(table > 0 ? [attribute(FRA.FRA_TABLE, u32(table))] : []),
      ...address(FRA.FRA_SRC, from),
      ...address(FRA.FRA_DST, to),
      ...conditions(rule),
    ],
  }
}

function actionOf({ action, goto }: NewRule): number {
  const number = checkWord(RULE_ACTIONS, action ?? (goto === undefined ? 'table' : 'goto'), 'action')
  if ((number === RULE_ACTIONS.goto) !== (goto !== undefined)) {
    throw new InvalidInputError('goto and the action goto stand together: give the priority of a rule', {
      field: 'goto',
    })
  }
  return number
}

const networkOf = (network: string | undefined, field: string): Cidr | undefined =>
  network === undefined ? undefined : parseNetwork(network, field)

const address = (type: number, network: Cidr | undefined): readonly Piece[] =>
  network && network.prefix > 0 ? [attribute(type, network.bytes)] : []

function conditions(rule: NewRule): readonly Piece[] {
  const number = (type: number, value: number | undefined, field: string): readonly Piece[] =>
    given(value, (n) => attribute(type, u32(checkNumber(n, field, 0, MOST))))
  const name = (type: number, value: string | undefined, field: string): readonly Piece[] =>
    given(value, (link) => attribute(type, text(checkLinkName(link, field))))
  return [
    ...number(FRA.FRA_PRIORITY, rule.priority, 'priority'),
    ...name(FRA.FRA_IIFNAME, rule.iif, 'iif'),
    ...name(FRA.FRA_OIFNAME, rule.oif, 'oif'),
    ...number(FRA.FRA_FWMARK, rule.fwmark, 'fwmark'),
    ...number(FRA.FRA_FWMASK, rule.fwmask, 'fwmask'),
    ...number(FRA.FRA_GOTO, rule.goto, 'goto'),
    ...given(rule.suppressPrefixLength, (n) =>
      attribute(FRA.FRA_SUPPRESS_PREFIXLEN, u32(checkNumber(n, 'suppressPrefixLength', 0, 128))),
    ),
  ]
}

/** The rules of both families, or of one. @throws InvalidInputError */
export function listRules(filter: { readonly family?: Family } = {}): NetlinkRequest<readonly Rule[]> {
  checkKeys(filter, ['family'], 'filter')
  const number = filter.family === undefined ? 0 : FAMILIES[checkFamily(filter.family)].number
  const head = new Uint8Array(HEAD)
  head[0] = number
  return makeRequest({
    type: 'RTM_GETRULE',
    flags: NLM_F.NLM_F_DUMP,
    head,
    about: filter.family ?? '',
    decode: (messages: readonly NetlinkMessage[]) =>
      messages.filter(({ type }) => type === RTM.RTM_NEWRULE).flatMap(({ body }) => decodeRule(body) ?? []),
  })
}

/** A message RTM_NEWRULE or RTM_DELRULE; undefined for one of another family. @throws AgentError */
export function decodeRule(body: Uint8Array): Rule | undefined {
  const head = headOf(body, HEAD)
  const family = familyOf(head.getUint8(0))
  if (family === undefined) return undefined
  const attributes = decodeAttributes(body, HEAD)
  const number = (type: number): number | undefined => u32Of(attributes.get(type))
  const network = (type: number, prefix: number): string | undefined => {
    const bytes = attributes.get(type)
    return bytes && `${formatIp(bytes)}/${prefix}`
  }
  const suppressed = number(FRA.FRA_SUPPRESS_PREFIXLEN)
  return defined({
    family,
    priority: number(FRA.FRA_PRIORITY) ?? 0,
    from: network(FRA.FRA_SRC, head.getUint8(2)),
    to: network(FRA.FRA_DST, head.getUint8(1)),
    iif: textOf(attributes.get(FRA.FRA_IIFNAME)),
    oif: textOf(attributes.get(FRA.FRA_OIFNAME)),
    fwmark: number(FRA.FRA_FWMARK),
    fwmask: number(FRA.FRA_FWMASK),
    table: number(FRA.FRA_TABLE) ?? head.getUint8(4),
    action: wordOf(RULE_ACTIONS, head.getUint8(7)),
    goto: number(FRA.FRA_GOTO),
    not: (head.getUint32(8, true) & FIB_RULE.FIB_RULE_INVERT) !== 0 ? true : undefined,
    // -1 is the kernel's word for none.
    suppressPrefixLength: suppressed === MOST ? undefined : suppressed,
  }) as Rule
}
