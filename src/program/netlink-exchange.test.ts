import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AgentError, SyscallError } from '../base/errors.ts'
import type { InMessage } from '../linux/message-params.ts'
import { addAddress } from '../linux/netlink/addresses.ts'
import { ifinfomsg } from '../linux/netlink/link-settings.ts'
import { attribute, joined, piece, text, u32 } from '../linux/netlink/encode.ts'
import { listLinks } from '../linux/netlink/links.ts'
import { NLM_F, NLMSG, RTM } from '../linux/netlink/tables/messages.ts'
import { IFLA } from '../linux/netlink/tables/links.ts'
import type { Program } from './builder.ts'
import { driven, exchange, isAnswer, type NetlinkSocket } from './netlink-exchange.ts'
import type { ProgramResult } from './result.ts'

/** What a kernel says to the n-th question, as messages: type, flags, body. */
type Answer = readonly (readonly [type: number, flags: number, body: Uint8Array])[]

/** A socket whose questions get these answers, and the programs that were run. */
function fakeKernel(answers: readonly Answer[]): {
  socket: NetlinkSocket
  run: (p: Program) => ProgramResult
  asked: string[]
} {
  const socket = { fd: 3, port: 99, sequence: 0 }
  const asked: string[] = []
  const waiting = answers.map((answer) => [...answer])
  let current: Answer[number][] = []
  const run = (p: Program): ProgramResult => {
    if (p.toString().includes('sendto')) {
      current = waiting.shift() ?? []
      asked.push(p.toString())
    }
    const next = current.shift()
    const value = next ? messageOf(next, socket) : -11
    return { get: () => value } as unknown as ProgramResult
  }
  return { socket, run, asked }
}

function messageOf([type, flags, body]: Answer[number], { port, sequence }: NetlinkSocket): InMessage {
  const data = joined([piece(new Uint8Array(16)), piece(body)]).bytes
  const view = new DataView(data.buffer)
  view.setUint32(0, data.length, true)
  view.setUint16(4, type, true)
  view.setUint16(6, flags, true)
  view.setUint32(8, sequence, true)
  view.setUint32(12, port, true)
  return { data, control: new Uint8Array(0), from: { netlink: 0 }, flags: [] }
}

const link = (name: string, index: number): Uint8Array =>
  joined([ifinfomsg({}, piece(u32(index))), attribute(IFLA.IFLA_IFNAME, text(name))]).bytes
const part = (name: string, index: number, flags = 0) =>
  [RTM.RTM_NEWLINK, NLM_F.NLM_F_MULTI | flags, link(name, index)] as const
const done = [NLMSG.NLMSG_DONE, NLM_F.NLM_F_MULTI, u32(0)] as const

test('a dump that the kernel says was interrupted is asked for again, whole', () => {
  const { socket, run, asked } = fakeKernel([
    [part('lo', 1), part('gone', 2, NLM_F.NLM_F_DUMP_INTR), done],
    [part('lo', 1), part('here', 3), done],
  ])
  assert.deepEqual(
    driven(exchange(socket, listLinks()), run).map(({ name }) => name),
    ['lo', 'here'],
  )
  assert.deepEqual([asked.length, socket.sequence], [2, 2])
})

test('a dump that never comes to rest is a StateError, after 20 attempts', () => {
  const restless = [part('lo', 1, NLM_F.NLM_F_DUMP_INTR), done]
  const { socket, run, asked } = fakeKernel(Array.from({ length: 30 }, () => restless))
  assert.throws(() => driven(exchange(socket, listLinks()), run), { code: 'E_STATE' })
  assert.equal(asked.length, 20)
})

test('a name is asked for its index first, which stands in the request then', () => {
  const { socket, run, asked } = fakeKernel([
    [[RTM.RTM_NEWLINK, 0, link('eth7', 0x41424344)]],
    [[NLMSG.NLMSG_ERROR, 0, joined([piece(u32(0)), piece(new Uint8Array(16))]).bytes]],
  ])
  driven(exchange(socket, addAddress({ dev: 'eth7', address: '10.0.0.1/8' })), run)
  assert.equal(asked.length, 2)
  assert.match(asked[1] ?? '', /DCBA/)
})

test('no answer is an AgentError, an error of the kernel is not: the socket goes on after it', () => {
  const silent = fakeKernel([[]])
  let error: unknown
  try {
    driven(exchange(silent.socket, listLinks()), silent.run)
  } catch (thrown) {
    error = thrown
  }
  assert.ok(error instanceof AgentError && !isAnswer(error))
  const refusing = fakeKernel([
    [[NLMSG.NLMSG_ERROR, 0, joined([piece(u32(-1 >>> 0)), piece(new Uint8Array(16))]).bytes]],
  ])
  try {
    driven(exchange(refusing.socket, listLinks()), refusing.run)
    assert.fail('it was refused')
  } catch (thrown) {
    error = thrown
  }
  assert.ok(error instanceof SyscallError && isAnswer(error) && error.errno === 'EPERM')
})
