import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { test } from 'node:test'
import { FRAMES } from '../../protocol/wire.ts'
import type { Addon, Channel as Watch, OnData } from '../../kernel/addon.ts'
import { Channel } from './channel.ts'
import { frameOf, stampHeader } from '../../protocol/frames.ts'

/** A socket that takes everything and says what the test says. */
function fakeAddon(): {
  readonly addon: Addon
  readonly sent: Uint8Array[]
  readonly say: (frame: Uint8Array) => void
} {
  const sent: Uint8Array[] = []
  let onData: OnData = () => {}
  const addon = {
    watch: (_fd: number, callback: OnData): Watch => {
      onData = callback
      return {} as Watch
    },
    send: (_watch: Watch, bytes: Uint8Array) => {
      sent.push(bytes.slice())
      return bytes.length
    },
    onWritable: () => {},
    ref: () => {},
    unref: () => {},
    close: () => {},
    shutdown: () => {},
  }
  return { addon: addon as unknown as Addon, sent, say: (frame) => onData(frame, null, 0) }
}

const open = () => {
  const fake = fakeAddon()
  return { ...fake, channel: new Channel(fake.addon, 3, { onEvent: () => {}, onEnd: () => {} }) }
}

function reply(id: number): Uint8Array {
  const frame = frameOf(new Uint8Array(16))
  stampHeader(frame, id, FRAMES.REPLY, 0)
  return frame
}

const order = () => frameOf(new Uint8Array(0))

test('D-A02, Channel: who gave no limit has the usual one; the late answer is dropped, the connection stays', async () => {
  const { channel, say } = open()
  const keepAlive = setTimeout(() => {}, 1000)
  const patient = channel.request(FRAMES.RUN, order(), [], { patienceMs: 500 })
  const impatient = [20, 20, 40].map((patienceMs) => channel.request(FRAMES.RUN, order(), [], { patienceMs }))
  for (const request of impatient.slice(0, 2)) {
    await assert.rejects(request, { name: 'TimeoutError', timeoutMs: 20, outcome: 'unknown' })
  }
  say(reply(2))
  say(reply(1))
  assert.equal((await patient).id, 1)
  await assert.rejects(impatient[2] as Promise<unknown>, { name: 'TimeoutError' })
  assert.equal(channel.ended, undefined)
  clearTimeout(keepAlive)
})

test('D-A02, Channel: Infinity waits for ever', async () => {
  const { channel, say } = open()
  const request = channel.request(FRAMES.RUN, order(), [], { patienceMs: 10, timeoutMs: Infinity })
  await sleep(40)
  say(reply(1))
  assert.equal((await request).id, 1)
})

test('Channel.requestAlone(): what is sent meanwhile goes out after the answer, in order', async () => {
  const { channel, sent, say } = open()
  const alone = channel.requestAlone(FRAMES.RUN, order(), [])
  channel.post(FRAMES.SIGNALS, order())
  const next = channel.request(FRAMES.RUN, order(), [])
  assert.equal(sent.length, 1)
  say(reply(1))
  await alone
  assert.deepEqual(
    sent.map((frame) => new DataView(frame.buffer).getUint16(8, true)),
    [FRAMES.RUN, FRAMES.SIGNALS, FRAMES.RUN],
  )
  say(reply(2))
  assert.equal((await next).id, 2)
})
