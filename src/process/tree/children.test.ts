import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Children } from './children.ts'
import { exitOf, NO_RUSAGE } from './exit.ts'

const code = (number: number) => exitOf(number << 8, NO_RUSAGE)

test('Children: an end that came after the reply and before the adoption is the child’s', async () => {
  const children = new Children()
  children.ended(7, code(3), 11)
  const child = children.adopt(7, -1, 10)
  assert.deepEqual(await child.exited, code(3))
  assert.equal(children.size, 0)
})

test('D-A21, Children: an end from before the reply was of an earlier process with that pid', async () => {
  const children = new Children()
  children.ended(7, code(3), 9)
  const child = children.adopt(7, -1, 10)
  assert.equal(child.exit, undefined)
  children.ended(7, code(4), 11)
  assert.deepEqual(await child.exited, code(4))
})

test('Children: lost() ends all that live, once', async () => {
  const children = new Children()
  const [first, second] = [children.adopt(1, -1, 0), children.adopt(2, -1, 0)]
  children.ended(1, code(5), 1)
  children.lost(code(6))
  children.ended(2, code(7), 2)
  assert.deepEqual([await first.exited, await second.exited], [code(5), code(6)])
  assert.equal(children.size, 0)
})
