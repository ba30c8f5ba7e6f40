import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AgentError, SyscallError } from '../../base/errors.ts'
import { netlinkError, verdictOf } from './acknowledgement.ts'
import { attributeNameAt } from './attribute-name.ts'
import { decodeAttributes, decodeMessages } from './decode.ts'
import { attribute, joined, piece, text, u32 } from './encode.ts'
import { decodeEvents } from './events.ts'
import { createLink, setLink } from './links.ts'
import { addRoute } from './routes.ts'
import { NLM_F, NLMSG, NLMSGERR_ATTR, RTM } from './tables/messages.ts'

/** A message NLMSG_ERROR with what the kernel may say beside the number. */
function refusal(errno: number, tlvs: Parameters<typeof joined>[0], { capped = true } = {}) {
  const repeated = new Uint8Array(16)
  new DataView(repeated.buffer).setUint32(0, capped ? 16 : 24, true)
  const request = capped ? repeated : joined([piece(repeated), piece(new Uint8Array(8))]).bytes
  const body = joined([piece(u32(-errno >>> 0)), piece(request), ...tlvs]).bytes
  const flags = NLM_F.NLM_F_ACK_TLVS | (capped ? NLM_F.NLM_F_CAPPED : 0)
  return { type: NLMSG.NLMSG_ERROR, flags, sequence: 1, port: 1, body }
}

const words = (said: string) => attribute(NLMSGERR_ATTR.NLMSGERR_ATTR_MSG, text(said))
const offset = (at: number) => attribute(NLMSGERR_ATTR.NLMSGERR_ATTR_OFFS, u32(at))

test('an error has the kernel’s number, words and attribute, whether the request is repeated or not', () => {
  const request = addRoute({ to: 'default', via: '10.0.0.1', dev: 2 })
  // nlmsghdr 16, rtmsg 12, RTA_TABLE 8: RTA_GATEWAY stands at 36.
  for (const capped of [true, false]) {
    const verdict = verdictOf(
      refusal(101, [words('Nexthop has invalid gateway.'), offset(36)], { capped }),
      request.bytes,
    )
    const error = netlinkError(request.title, verdict)
    assert.equal(
      error.message,
      'RTM_NEWROUTE(default via 10.0.0.1 dev 2): ENETUNREACH: Nexthop has invalid gateway (RTA_GATEWAY)',
    )
    assert.deepEqual(
      [error.call, error.args, error.errno],
      ['RTM_NEWROUTE', 'default via 10.0.0.1 dev 2', 'ENETUNREACH'],
    )
  }
  assert.deepEqual(verdictOf(refusal(22, [offset(36)]), request.bytes).words, 'the kernel means RTA_GATEWAY')
  const missing = attribute(NLMSGERR_ATTR.NLMSGERR_ATTR_MISS_TYPE, u32(4))
  assert.equal(verdictOf(refusal(22, [missing]), request.bytes).words, 'RTA_OIF is missing')
  assert.deepEqual(verdictOf({ ...refusal(0, []), flags: 0 }, request.bytes), { errno: 0 })
  assert.ok(netlinkError(request.title, { errno: 1 }) instanceof SyscallError)
})

test('an attribute inside of others is named by its own name, a veth’s other end included', () => {
  const delay = setLink(3, { bridge: { forwardDelayMs: 100 } }).bytes
  assert.equal(attributeNameAt(delay, delay.length - 8), 'IFLA_BR_FORWARD_DELAY')
  const veth = createLink({ kind: 'veth', name: 'a', peer: { name: 'b', mtu: 77 } }).bytes
  assert.equal(attributeNameAt(veth, veth.length - 8), 'IFLA_MTU')
  const macvlan = createLink({ kind: 'macvlan', name: 'a', link: 1, mode: 'vepa' }).bytes
  assert.equal(attributeNameAt(macvlan, macvlan.length - 8), 'IFLA_MACVLAN_MODE')
  assert.equal(attributeNameAt(delay, 4), undefined)
  assert.equal(attributeNameAt(delay, 1e9), undefined)
})

test('messages and attributes with impossible lengths are errors, not loops', () => {
  for (const size of [0, 1, 15, 17, 0xffffffff]) {
    const bytes = new Uint8Array(16)
    new DataView(bytes.buffer).setUint32(0, size, true)
    assert.throws(() => decodeMessages(bytes), AgentError, String(size))
  }
  for (const size of [0, 3, 9, 0xffff]) {
    const bytes = new Uint8Array(8)
    new DataView(bytes.buffer).setUint16(0, size, true)
    assert.throws(() => decodeAttributes(bytes), AgentError, String(size))
  }
  assert.throws(() => decodeMessages(new Uint8Array(7)), AgentError)
})

test('whatever bytes come, decoding ends, with events or with an AgentError', () => {
  let seed = 7
  const random = (below: number): number => {
    seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff
    return (seed >> 8) % below
  }
  const types = Object.values(RTM)
  let decoded = 0
  for (let round = 0; round < 4000; round++) {
    const bytes = damaged(random, types[random(types.length)] ?? 16)
    try {
      decoded += decodeEvents(bytes).length
    } catch (error) {
      assert.ok(error instanceof AgentError, String(error))
    }
  }
  assert.ok(decoded > 100, String(decoded))
})

/** A message with attributes of all kinds, whose lengths are wrong here and there; in the middle of a larger memory. */
function damaged(random: (below: number) => number, type: number): Uint8Array {
  const attributes = Array.from({ length: random(12) }, () =>
    attribute(
      random(50),
      Uint8Array.from({ length: random(40) }, () => random(256)),
    ),
  )
  const head = Uint8Array.from({ length: 16 }, () => random(20))
  head[0] = [0, 2, 10, 7][random(4)] ?? 0
  const { bytes } = joined([piece(new Uint8Array(16)), piece(head.subarray(0, [8, 12, 16][random(3)])), ...attributes])
  const around = new Uint8Array(bytes.length + 64).fill(0xff)
  around.set(bytes, 32)
  const message = around.subarray(32, 32 + bytes.length)
  const view = new DataView(message.buffer, message.byteOffset, message.byteLength)
  view.setUint32(0, message.length, true)
  view.setUint16(4, type, true)
  if (random(3) === 0) message[random(message.length)] = random(256)
  return message.subarray(0, random(4) === 0 ? random(message.length) : message.length)
}
