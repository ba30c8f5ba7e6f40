import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { closeSync, openSync, readSync, writeSync } from 'node:fs'
import { test } from 'node:test'
import type { AgentError } from '../../src/base/errors.ts'
import { Agent } from '../../src/process/agent.ts'
import { Channel } from '../../src/process/connection/channel.ts'
import { helloFrame, stampHeader } from '../../src/protocol/frames.ts'
import { native } from '../../src/kernel/native.ts'
import { program } from '../../src/program/builder.ts'
import { cloneStep } from '../../src/program/special.ts'
import { FRAME, HELLO } from '../../src/protocol/layout.ts'
import { FRAMES } from '../../src/protocol/wire.ts'
import { checkMachine } from '../support/machine-check.ts'
import { eventually } from '../support/eventually.ts'
import { descriptorsOf, seen } from '../support/proc.ts'

checkMachine()

/** A child whose socket the test holds itself. */
interface Raw {
  readonly pid: number
  readonly socket: number
  readonly channel: Channel
  readonly ended: Promise<AgentError>
}

async function rawChild(parent: Agent, pids: number[]): Promise<Raw> {
  const [socket, theirs] = native().socketpair()
  const p = program()
  const { pid, pidfd } = cloneStep(p, { flags: [], control: p.attached(0) })
  p.send(pidfd)
  const result = await parent.run(p, { descriptors: [theirs] })
  closeSync(theirs)
  for (const fd of result.descriptors) closeSync(fd)
  let end: (error: AgentError) => void
  const ended = new Promise<AgentError>((resolve) => (end = resolve))
  const channel = new Channel(native(), socket, { onEvent: () => {}, onEnd: (error) => end(error) })
  channel.hold()
  pids.push(result.get(pid))
  return { pid: result.get(pid), socket, channel, ended }
}

function header(length: number, type: number, id = 1, descriptors = 0): Uint8Array {
  const frame = new Uint8Array(FRAME.size)
  stampHeader(frame, id, type, descriptors)
  new DataView(frame.buffer).setUint32(FRAME.length, length, true)
  return frame
}

function concat(...parts: readonly Uint8Array[]): Uint8Array {
  return new Uint8Array(Buffer.concat(parts))
}

function hello(change: (view: DataView) => void = () => {}): Uint8Array {
  const frame = helloFrame()
  stampHeader(frame, 1, FRAMES.HELLO, 0)
  change(new DataView(frame.buffer, FRAME.size))
  return frame
}

const GIB = 1 << 30

const ABUSES: Readonly<
  Record<string, { readonly bytes: () => Uint8Array; readonly greeted: boolean; readonly fault: RegExp }>
> = {
  'a length of 1 GiB': { bytes: () => header(GIB, FRAMES.RUN), greeted: true, fault: /FRAME_TOO_LONG \(1073741824\)/ },
  'an unknown frame type': { bytes: () => header(0, 99), greeted: true, fault: /FRAME_UNKNOWN \(99\)/ },
  'a program shorter than its counts': {
    bytes: () => concat(header(24, FRAMES.RUN), counts(1000)),
    greeted: true,
    fault: /PAYLOAD_SHORT/,
  },
  'descriptors that did not come': {
    bytes: () => concat(header(24, FRAMES.RUN, 1, 3), counts(0)),
    greeted: true,
    fault: /DESCRIPTORS_MISSING \(3\)/,
  },
  'another generation': {
    bytes: () => hello((view) => view.setUint32(HELLO.generation, 77, true)),
    greeted: false,
    fault: /GENERATION_DIFFERS/,
  },
  'other tables': {
    bytes: () => hello((view) => view.setBigUint64(HELLO.hash, 1n, true)),
    greeted: false,
    fault: /HASH_DIFFERS/,
  },
  'an order before HELLO': { bytes: () => header(0, FRAMES.DETACH), greeted: false, fault: /HELLO_EXPECTED/ },
}

function counts(steps: number): Uint8Array {
  const head = new Uint8Array(24)
  new DataView(head.buffer).setUint32(0, steps, true)
  return head
}

for (const [name, { bytes, greeted, fault }] of Object.entries(ABUSES)) {
  test(`D-A15, X22: ${name} ends that process alone, with an AgentError`, async () => {
    await using root = await Agent.start()
    const sibling = await root.fork()
    const pids: number[] = []
    const raw = await rawChild(root, pids)
    if (greeted) await raw.channel.hello()
    writeSync(raw.socket, bytes())
    const error = await raw.ended
    assert.equal(error.name, 'AgentError')
    assert.match(error.message, fault)
    await eventually(
      () => seen(raw.pid) === undefined,
      () => `the end of ${raw.pid}`,
    )
    assert.equal(await sibling.sys.getppid(), root.pid)
    assert.equal(await root.sys.getpid(), root.pid)
  })
}

test('D-A15: half a frame blocks nobody, and the end of the stream after it ends that process', async () => {
  await using root = await Agent.start()
  const sibling = await root.fork()
  const raw = await rawChild(root, [])
  await raw.channel.hello()
  writeSync(raw.socket, header(1000, FRAMES.RUN).subarray(0, 7))
  assert.equal(await sibling.sys.getpid(), sibling.pid)
  assert.equal(await root.sys.getpid(), root.pid)
  raw.channel.shutdown()
  await raw.ended
  await eventually(
    () => seen(raw.pid) === undefined,
    () => `the end of ${raw.pid}`,
  )
})

test('D-A15: a hundred streams of random bytes end their processes and no other', async () => {
  await using root = await Agent.start()
  const sibling = await root.fork()
  const pids: number[] = []
  for (let round = 0; round < 100; round++) {
    const raw = await rawChild(root, pids)
    if (round % 2) await raw.channel.hello()
    try {
      writeSync(raw.socket, randomBytes(1 + ((round * 97) % 4096)))
    } catch (error) {
      assert.equal((error as NodeJS.ErrnoException).code, 'EPIPE')
    }
    raw.channel.shutdown()
    assert.equal((await raw.ended).name, 'AgentError')
  }
  await eventually(
    () => pids.every((pid) => seen(pid) === undefined),
    () => 'the end of all',
  )
  assert.equal(await sibling.sys.getpid(), sibling.pid)
})

/** A channel to an agent that lies: the test writes what the agent would. */
function liar(): { channel: Channel; theirs: number; ended: Promise<AgentError> } {
  const [mine, theirs] = native().socketpair()
  let end: (error: AgentError) => void
  const ended = new Promise<AgentError>((resolve) => (end = resolve))
  const channel = new Channel(native(), mine, { onEvent: () => {}, onEnd: (error) => end(error) })
  return { channel, theirs, ended }
}

const LIES: Readonly<Record<string, { readonly bytes: Uint8Array; readonly message: RegExp }>> = {
  'announces 1 GiB': { bytes: header(GIB, FRAMES.REPLY), message: /announced a frame of 1073741824 bytes/ },
  'announces descriptors that do not come': {
    bytes: header(0, FRAMES.REPLY, 1, 5),
    message: /announced 5 descriptors and sent 0/,
  },
  'ends in the middle of a frame': { bytes: header(100, FRAMES.REPLY).subarray(0, 9), message: /its connection ended/ },
  'complains without a word': { bytes: header(0, FRAMES.FAULT), message: /did not say why/ },
}

for (const [name, { bytes, message }] of Object.entries(LIES)) {
  test(`an agent that ${name}: what is pending rejects with an AgentError`, async () => {
    const { channel, theirs, ended } = liar()
    const pending = channel.request(FRAMES.RUN, new Uint8Array(FRAME.size), [])
    const rejected = assert.rejects(pending, { name: 'AgentError', message })
    readSync(theirs, new Uint8Array(FRAME.size))
    writeSync(theirs, bytes)
    closeSync(theirs)
    await rejected
    assert.match((await ended).message, message)
  })
}

test('an agent that answers what nobody asked, or sends descriptors nobody waits for, costs nothing', async () => {
  const { channel, theirs, ended } = liar()
  const before = descriptorsOf('self').size
  const other = native().watch(theirs, () => {})
  const file = openSync('/dev/null', 'r')
  for (let i = 0; i < 50; i++) native().send(other, header(0, FRAMES.REPLY, 1000 + i, 1), [file])
  closeSync(file)
  channel.hold()
  native().close(other)
  await ended
  assert.equal(descriptorsOf('self').size, before - 2)
})
