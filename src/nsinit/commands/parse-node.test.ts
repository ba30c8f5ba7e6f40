import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseNode } from './parse-node.ts'

test('L27: parseNode() reads the words of mknod(1)', () => {
  assert.deepEqual(parseNode(['/dev/made', 'b', '7', '300', '0660']), {
    path: '/dev/made',
    directory: '/dev/',
    name: 'made',
    kind: 'block',
    mode: 0o060660,
    device: 0x10_072c,
  })
  assert.deepEqual(parseNode(['/null', 'u', '1', '3']).mode, 0o020644)
  assert.deepEqual(parseNode(['/a/b/pipe', 'p', '600']), {
    ...{ path: '/a/b/pipe', directory: '/a/b/', name: 'pipe', kind: 'fifo' },
    ...{ mode: 0o010600, device: 0 },
  })
})

test('L27: parseNode() names the word that is wrong', () => {
  for (const [words, field] of [
    [[], 'TYPE'],
    [['/null', 'd', '1', '3'], 'TYPE'],
    [['/null', 'toString', '1', '3'], 'TYPE'],
    [['null', 'c', '1', '3'], 'PATH'],
    [['/', 'c', '1', '3'], 'PATH'],
    [['/dev/..', 'c', '1', '3'], 'PATH'],
    [['/dev/null/', 'c', '1', '3'], 'PATH'],
    [['/null', 'c', '4096', '1'], 'MAJOR'],
    [['/null', 'c', '-1', '1'], 'MAJOR'],
    [['/null', 'c', '1'], 'MINOR'],
    [['/null', 'c', '1', '1048576'], 'MINOR'],
    [['/null', 'c', '1', '3', '888'], 'MODE'],
    [['/null', 'c', '1', '3', '10666'], 'MODE'],
    [['/null', 'c', '1', '3', '666', 'x'], 'words'],
    [['/null', 'p', '600', '3'], 'words'],
  ] as const) {
    assert.throws(() => parseNode(words), { name: 'InvalidInputError', field }, words.join(' '))
  }
})
