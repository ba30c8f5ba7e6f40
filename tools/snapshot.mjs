// The engine of the standalone executable as it is with all parts loaded (engine/snapshot.c), made of what two runs have written.
import { readFileSync } from 'node:fs'

/** Words of 64 bits of struct snapshot: size, base, image, imageSize, stack, and what only engine/snapshot.c knows */
const HEAD_WORDS = 10

/** Words of the stack that lie around in freed memory */
const STACK_BYTES = 16n << 20n

/**
 * A head, two bitmaps and the memory of the first run. Both had their memory at different addresses, and the kernel had put the executable at
 * different ones: so a word that differs by as much is a pointer into the one or the other. What else differs is no pointer: hashes of
 * shapes, which QuickJS makes of addresses (one that is not found by its hash is made again), what lies between fields, and the seed of
 * Math.random, which the program does not have.
 */
export function makeSnapshot(first, second) {
  const [one, other] = [readDump(first), readDump(second)]
  if (one.memory.length !== other.memory.length)
    throw new Error('two runs of the engine took different amounts of memory')
  const [own, outside] = [new Uint8Array(one.memory.length / 8), new Uint8Array(one.memory.length / 8)]
  const words = one.memory.slice()
  one.memory.forEach((word, i) => {
    const elsewhere = other.memory[i]
    const offset = word - one.image
    if (word === elsewhere) return
    // In a chain of shapes with one hash, another one or none follows in the other run.
    if (isIn(one, word) && (elsewhere === 0n || isIn(other, elsewhere))) own[i >> 3] |= 1 << (i & 7)
    else if (offset >= 0n && offset < one.imageSize && elsewhere - other.image === offset)
      outside[i >> 3] |= 1 << (i & 7)
    else if (isNear(word, one.stack)) words[i] = 0n
  })
  return Buffer.concat([one.head, own, outside, words].map((part) => new Uint8Array(part.buffer)))
}

const isIn = ({ base, size }, word) => word >= base && word < base + size

const isNear = (word, stack) => word > stack - STACK_BYTES && word < stack + STACK_BYTES

function readDump(path) {
  const bytes = readFileSync(path)
  const all = new BigUint64Array(bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length))
  const [size, base, image, imageSize, stack] = all
  return { size, base, image, imageSize, stack, head: all.slice(0, HEAD_WORDS), memory: all.slice(HEAD_WORDS) }
}
