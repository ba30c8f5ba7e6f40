import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { Sandbox } from '../../src/sandbox/index.ts'
import { requires } from '../support/requires.ts'

/** First id and number of ids of a sandbox, as the host sees them. */
function idsOf(box: Sandbox): { first: number; count: number } {
  const lines = readFileSync(`/proc/${box.pid}/uid_map`, 'utf8').trim().split('\n')
  assert.equal(lines.length, 1)
  const [, first, count] = String(lines[0]).trim().split(/\s+/).map(Number)
  return { first: Number(first), count: Number(count) }
}

test(
  'D-A25: two live sandboxes of one Node process never share an id, whatever numbers were drawn',
  requires({ root: true }),
  async (context) => {
    // What chance does once in 4,095 times: the numbers lie so close together that all mean the same range.
    let drawn = 0
    context.mock.method(Math, 'random', () => 0.5 + 1e-9 * drawn++)
    const boxes = await Promise.all(Array.from({ length: 4 }, () => Sandbox.create()))
    try {
      assert.ok(drawn >= 4)
      const ids = boxes.map(idsOf).toSorted((a, b) => a.first - b.first)
      for (const [index, { first, count }] of ids.entries()) {
        assert.equal(count, 65_536)
        const before = ids[index - 1]
        assert.ok(!before || before.first + before.count <= first, JSON.stringify(ids))
      }
      // A range that was given back is used again, and no other one.
      const closed = boxes.pop()
      const free = closed && idsOf(closed)
      await closed?.close()
      const next = await Sandbox.create()
      boxes.push(next)
      assert.deepEqual(idsOf(next), free)
    } finally {
      await Promise.all(boxes.map((box) => box.close()))
    }
  },
)
