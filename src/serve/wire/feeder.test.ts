import assert from 'node:assert/strict'
import { Writable } from 'node:stream'
import { test } from 'node:test'
import { Feeder } from './feeder.ts'

/** A command that takes one write whenever `read` is called. */
function slowReader() {
  const took: string[] = []
  let isEnded = false
  let taken = () => {}
  const stream = new Writable({
    write(chunk, _, callback) {
      took.push(String(chunk))
      taken = callback
    },
    final(callback) {
      isEnded = true
      callback()
    },
  })
  const read = async () => {
    taken()
    await new Promise((resolve) => setImmediate(resolve))
  }
  return { stream, took, read, isEnded: () => isEnded }
}

test('what comes while the command is busy is one write, however many pieces it came in, and the end comes after it', async () => {
  const { stream, took, read, isEnded } = slowReader()
  const counts: number[] = []
  const feeder = new Feeder(stream, 1000, (bytes) => counts.push(bytes))
  for (let i = 0; i < 1000; i++) feeder.push(Buffer.from(i === 0 ? 'a' : 'b'))
  feeder.end()
  assert.deepEqual([took, isEnded()], [['a'], false])
  await read()
  assert.deepEqual([took, isEnded()], [['a', 'b'.repeat(999)], false])
  await read()
  assert.deepEqual([counts, isEnded()], [[1, 999], true])
})

test('what nobody reads any more is counted as taken', async () => {
  const { stream } = slowReader()
  const counts: number[] = []
  stream.destroy()
  const feeder = new Feeder(stream, 10, (bytes) => counts.push(bytes))
  feeder.push(Buffer.from('abc'))
  feeder.push(Buffer.from('d'))
  feeder.end()
  assert.deepEqual(counts, [3, 1])
})
