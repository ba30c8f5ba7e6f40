import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Admissions } from './admission.ts'
import { assertDescriptors } from './descriptors.ts'
import { Quiet } from './quiet.ts'
import { Turns } from './turns.ts'

test('Turns lets no more than so many in at once, in the order in which they came', async () => {
  const turns = new Turns(2)
  const { signal } = new AbortController()
  const order: number[] = []
  let inside = 0
  let most = 0
  const work = (number: number) => async () => {
    order.push(number)
    most = Math.max(most, ++inside)
    await new Promise((resolve) => setTimeout(resolve, 2))
    inside--
    if (number === 3) throw new Error('third')
    return number
  }
  const all = await Promise.allSettled([1, 2, 3, 4, 5].map((number) => turns.take(work(number), signal)))
  assert.deepEqual(order, [1, 2, 3, 4, 5])
  assert.equal(most, 2)
  assert.deepEqual(
    all.map(({ status }) => status),
    ['fulfilled', 'fulfilled', 'rejected', 'fulfilled', 'fulfilled'],
  )
})

test('Turns: who gives up leaves the line, and the next one comes in their place', async () => {
  const turns = new Turns(1)
  const patient = new AbortController()
  const hasty = new AbortController()
  let leave = () => {}
  const first = turns.take(() => new Promise<void>((resolve) => (leave = resolve)), patient.signal)
  const second = turns.take(() => assert.fail('its turn never comes'), hasty.signal)
  const third = turns.take(async () => 3, patient.signal)
  hasty.abort(new Error('gone'))
  await assert.rejects(second, /gone/)
  assert.equal(turns.waiting, 1)
  leave()
  await first
  assert.equal(await third, 3)
  await assert.rejects(
    turns.take(async () => 4, hasty.signal),
    /gone/,
  )
  assert.equal(await turns.take(async () => 5, patient.signal), 5)
})

test('Admissions counts all and each; who leaves twice makes one place', () => {
  const admissions = new Admissions({ connections: 3, perAddress: 2 })
  const [a, b] = [admissions.admit('a'), admissions.admit('a')]
  assert.match(admissions.admit('a').refused ?? '', /2 connections from one address/)
  const c = admissions.admit('c')
  assert.match(admissions.admit('d').refused ?? '', /all 3 places are taken/)
  if (a.refused !== undefined || b.refused !== undefined || c.refused !== undefined) assert.fail()
  a.leave()
  a.leave()
  assert.equal(admissions.total, 2)
  assert.equal(admissions.admit('d').refused, undefined)
  assert.match(admissions.admit('a').refused ?? '', /all 3/)
})

test('assertDescriptors() refuses what the limit of open files cannot carry, and the defaults fit the usual 1024', () => {
  assertDescriptors(64, 16, 1024)
  assertDescriptors(100_000, 16, Infinity)
  assert.throws(() => assertDescriptors(200, 16, 1024), { field: 'max-connections' })
})

test('Quiet counts from the start, again from each sound, and less once the client has closed its half', async () => {
  let calls = 0
  const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))
  const quiet = new Quiet({ idleMs: undefined, lingerMs: 30 }, () => calls++)
  quiet.halfClosed()
  await wait(60)
  assert.deepEqual([calls, quiet.ms], [0, 30])
  quiet.start()
  await wait(60)
  assert.equal(calls, 1)
  const other = new Quiet({ idleMs: 40, lingerMs: 1000 }, () => calls++)
  assert.equal(other.ms, 40)
  other.start()
  other.stop()
  other.halfClosed()
  await wait(60)
  assert.deepEqual([calls, other.ms], [1, 40])
})
