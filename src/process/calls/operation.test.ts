import assert from 'node:assert/strict'
import { test } from 'node:test'
import { program } from '../../program/builder.ts'
import { addCall, nextOf, parseOperations } from './operation.ts'

test('parseOperations() takes lists apart and keeps every place', () => {
  const nothing = () => undefined
  const parsed = parseOperations([['getpid'], [[], [['setsid'], nothing]], { do: nothing }], 'operations')
  assert.deepEqual(
    parsed.map(({ place }) => place),
    [[0], [1, 1, 0], [1, 1, 1], [2]],
  )
})

test('parseOperations() tells which calls can go out together', () => {
  const limits = { timeoutMs: 1000 }
  const operations = [
    ['getpid'],
    { do: ['getpid'], errexit: true },
    ['syscall', 'getpid'],
    { do: ['getpid'], errexit: false },
    { do: ['getpid'], transform: () => 1 },
    { do: ['getpid'], state: undefined },
    ['getpid', limits],
    ['pledge', 'stdio', null],
    () => undefined,
  ]
  assert.deepEqual(
    parseOperations(operations, 'operations').map(({ plain }) => plain !== undefined),
    [true, true, true, false, false, false, false, false, false],
  )
})

test('parseOperations() names the place of what is no operation', () => {
  const wrong: readonly [unknown, string][] = [
    ['getpid', 'operations'],
    [undefined, 'operations'],
    [[null], 'operations[0]'],
    [[['getpid'], [['setsid'], 5]], 'operations[1][1]'],
    [[['getpit']], 'operations[0]'],
    [[['toString']], 'operations[0]'],
    [[{ errexit: false }], 'operations[0]'],
    [[{ do: 'getpid' }], 'operations[0].do'],
    [[{ do: [['getpid']] }], 'operations[0].do'],
    [[{ do: ['getpid'], errexti: false }], 'operations[0].errexti'],
  ]
  for (const [operations, field] of wrong) {
    assert.throws(() => parseOperations(operations, 'operations'), { name: 'InvalidInputError', field })
  }
  assert.throws(() => parseOperations([['getpit']], 'operations'), /did you mean getpid/)
})

test('nextOf() takes only what says so for operations', () => {
  const next = [['getpid']]
  assert.deepEqual(nextOf({ next }), { next })
  for (const result of [next, [], undefined, { next, more: 1 }, new Map(), { gid: 1 }]) {
    assert.equal(nextOf(result), undefined)
  }
})

test('addCall() adds what the methods of a program add', () => {
  const p = program()
  addCall(p, ['setresuid', 1, 2, 3])
  addCall(p, ['syscall', 'getpid'])
  assert.equal(String(p), 'setresuid(1, 2, 3) = 0\ngetpid() = r1')
})
