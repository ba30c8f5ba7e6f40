import assert from 'node:assert/strict'
import { test } from 'node:test'
import {
  CLIENT_FRAMES,
  decodeCredit,
  decodeSize,
  encodeCredit,
  encodeData,
  encodeFrame,
  encodeSize,
  FrameReader,
  LARGEST_DATA,
  SERVER_FRAMES,
} from './frames.ts'

const bytes = (text: string) => new TextEncoder().encode(text)
const MALFORMED = { name: 'InvalidInputError', field: 'frame' }

test('FrameReader gives the frames that were encoded, wherever the stream was cut', () => {
  const stream = Buffer.concat([
    encodeFrame(CLIENT_FRAMES.data, bytes('echo hi\n')),
    encodeFrame(CLIENT_FRAMES.resize, encodeSize({ columns: 132, rows: 43 })),
    encodeFrame(CLIENT_FRAMES.signal, bytes('SIGINT')),
    encodeFrame(CLIENT_FRAMES.eof, bytes('')),
  ])
  for (const size of [1, 2, 3, 7, stream.length]) {
    const reader = new FrameReader(CLIENT_FRAMES)
    const frames = []
    for (let at = 0; at < stream.length; at += size) {
      for (const { kind, payload } of reader.push(stream.subarray(at, at + size))) {
        frames.push(kind === 'resize' ? decodeSize(payload) : `${kind} ${Buffer.from(payload).toString()}`)
      }
    }
    assert.deepEqual(frames, ['data echo hi\n', { columns: 132, rows: 43 }, 'signal SIGINT', 'eof '])
    assert.equal(reader.isInside, false)
  }
})

test('FrameReader refuses a type or a length that is in no table before the payload has come', () => {
  const refused = [
    [0, 0],
    [17, 1],
    [255, 1],
    [1, 0],
    [1, LARGEST_DATA + 1],
    [1, 0xffff_ffff],
    [2, 3],
    [3, 1],
    [4, 17],
  ]
  for (const [type = 0, length = 0] of refused) {
    const header = Buffer.alloc(5)
    header.writeUInt8(type)
    header.writeUInt32BE(length, 1)
    assert.throws(() => [...new FrameReader(CLIENT_FRAMES).push(header)], MALFORMED, `${type} ${length}`)
  }
})

test('FrameReader keeps no more of a stream than one frame', () => {
  const reader = new FrameReader(CLIENT_FRAMES)
  const header = Buffer.from([1, 0, 1, 0, 0])
  assert.deepEqual([...reader.push(Buffer.concat([header, Buffer.alloc(LARGEST_DATA - 1)]))], [])
  assert.equal(reader.isInside, true)
  const [frame] = reader.push(Buffer.alloc(1))
  assert.equal(frame?.payload.length, LARGEST_DATA)
})

test('encodeData() cuts into frames that are allowed; encodeFrame() makes no other', () => {
  const data = Buffer.alloc(2 * LARGEST_DATA + 5, 'x')
  const lengths = [...encodeData(SERVER_FRAMES.stdout, data)].map((frame) => frame.length - 5)
  assert.deepEqual(lengths, [LARGEST_DATA, LARGEST_DATA, 5])
  assert.throws(() => encodeFrame(SERVER_FRAMES.error, Buffer.alloc(2000)), MALFORMED)
  assert.throws(() => encodeFrame(CLIENT_FRAMES.eof, bytes('x')), MALFORMED)
})

test('numbers in payloads are as they were; a terminal of no size is refused', () => {
  assert.equal(decodeCredit(encodeCredit(0xffff_ffff)), 0xffff_ffff)
  assert.deepEqual(decodeSize(encodeSize({ columns: 65_535, rows: 1 })), { columns: 65_535, rows: 1 })
  assert.throws(() => decodeSize(encodeSize({ columns: 0, rows: 24 })), MALFORMED)
})
