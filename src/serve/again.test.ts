import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Again } from './again.ts'

test('what is asked for a thousand times while it is done is done once more', async () => {
  let done = 0
  let finish = () => {}
  const again = new Again(() => {
    done++
    return new Promise<void>((resolve) => (finish = resolve))
  })
  const all = again.ask()
  for (let i = 0; i < 1000; i++) void again.ask()
  assert.equal(done, 1)
  finish()
  await new Promise((resolve) => setImmediate(resolve))
  assert.equal(done, 2)
  finish()
  await all
  assert.equal(done, 2)
  void again.ask()
  assert.equal(done, 3)
})
