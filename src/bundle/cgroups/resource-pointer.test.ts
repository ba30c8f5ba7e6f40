import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidInputError } from '../../base/errors.ts'
import { atPointer, resourcePointer } from './resource-pointer.ts'

test('resourcePointer() makes JSON pointers of dotted paths; names of files and devices keep their dots', () => {
  assert.equal(resourcePointer('memory.limit'), '/linux/resources/memory/limit')
  assert.equal(resourcePointer('devices[3].access', ''), '/devices/3/access')
  assert.equal(resourcePointer('unified.memory.high'), '/linux/resources/unified/memory.high')
  assert.equal(resourcePointer('rdma.a/b~c', ''), '/rdma/a~1b~0c')
})

test('atPointer() says errors of resources with the pointer in the place of the path, and leaves others alone', () => {
  const refuse = (message: string, field: string) => () => {
    throw new InvalidInputError(message, { field })
  }
  assert.throws(() => atPointer('', refuse('memory.swap must be more', 'memory.swap')), {
    field: '/memory/swap',
    message: '/memory/swap must be more',
  })
  assert.throws(() => atPointer('/linux/resources', refuse('/x is wrong', '/x')), {
    field: '/x',
    message: '/x is wrong',
  })
  assert.equal(
    atPointer('', () => 7),
    7,
  )
})
