import assert from 'node:assert/strict'
import { PassThrough } from 'node:stream'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { drained } from './drained.ts'

class Counted extends PassThrough {
  bytesRead = 0

  bring(text: string): void {
    this.bytesRead += text.length
    this.write(text)
  }
}

function open(): { stream: Counted; ended: Promise<void> } {
  const stream = new Counted()
  const ended = new Promise<void>((resolve) => stream.once('close', resolve))
  stream.resume()
  return { stream, ended }
}

test('drained() waits for the end of a stream', async () => {
  const { stream, ended } = open()
  setTimeout(() => stream.end(), 20)
  await drained(stream, ended)
  assert.equal(stream.readableEnded, true)
})

test('drained() closes a stream that brings nothing more', async () => {
  const { stream, ended } = open()
  await drained(stream, ended)
  assert.equal(stream.destroyed, true)
})

test('drained() waits while data comes, and while its reader is slow', async () => {
  const { stream, ended } = open()
  let held = true
  const waiting = drained(stream, ended, () => held)
  await sleep(250)
  assert.equal(stream.destroyed, false)
  held = false
  for (let round = 0; round < 5; round++) {
    stream.bring('more')
    await sleep(60)
  }
  assert.equal(stream.destroyed, false)
  await waiting
  assert.equal(stream.destroyed, true)
})
