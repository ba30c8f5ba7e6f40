import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Insistence } from './insistence.ts'

test('the third time within a second is insistence, three times in two seconds are not', () => {
  const insistence = new Insistence()
  assert.deepEqual(
    [0, 900, 1800, 1850, 1899].map((now) => insistence.isThird(now)),
    [false, false, false, true, true],
  )
})
