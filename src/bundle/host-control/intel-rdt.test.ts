import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Program } from '../../program/builder.ts'
import type { ProgramResult } from '../../program/result.ts'
import { applyIntelRdt, assertSame, schemaLines } from './intel-rdt.ts'

test('schemaLines() puts schemata last, and takes the bandwidth of memBwSchema instead of one in l3CacheSchema', () => {
  assert.deepEqual(schemaLines({ l3CacheSchema: 'L3:0=f\nMB:0=10', memBwSchema: 'MB:0=20', schemata: ['L2:0=1'] }), [
    'L3:0=f',
    'MB:0=20',
    'L2:0=1',
  ])
  assert.deepEqual(schemaLines({ l3CacheSchema: 'L3:0=f\nMB:0=10' }), ['L3:0=f', 'MB:0=10'])
  assert.deepEqual(schemaLines({}), [])
})

test('assertSame() compares domain by domain, whatever the zeros and spaces', () => {
  const existing = '    MB:0=100;1=100\n    L3:0=007f0;1=00fff\n'
  assertSame(existing, ['L3:0=7f0;1=fff', 'MB:1=100'], '/x')
  for (const line of ['L3:0=7f1', 'L3:2=1', 'L2:0=1']) {
    assert.throws(() => assertSame(existing, [line], '/x'), { field: '/linux/intelRdt' }, line)
  }
})

/** A machine that answers the first program with a class, or with none. */
function machine(schemata: string | undefined, magic = 0x7655821) {
  const programs: string[] = []
  const run = (p: Program): ProgramResult => {
    programs.push(String(p))
    const values = [{ f_type: magic }, schemata === undefined ? -2 : new TextEncoder().encode(schemata)]
    return { get: () => values.shift() } as unknown as ProgramResult
  }
  return { programs, run }
}

test('applyIntelRdt() makes a class that is not there, which goes with the container, and joins one that says the same', () => {
  const fresh = machine(undefined)
  const intelRdt = { schemata: ['L3:0=f'], enableMonitoring: true }
  // Before it is made: the program that makes it has not run yet.
  const registered: (readonly [string, number])[] = []
  const register = (directory: string) => void registered.push([directory, fresh.programs.length])
  applyIntelRdt({ intelRdt, id: 'c', pid: 7 }, fresh.run, register)
  assert.deepEqual(registered, [['/sys/fs/resctrl/c', 1]])
  const text = fresh.programs[1] as string
  const order = [
    'mkdirat(AT_FDCWD, "/sys/fs/resctrl/c"',
    '"L3:0=f\\n"',
    '"tasks"',
    '"mon_groups/c"',
    '"mon_groups/c/tasks"',
  ]
  const places = order.map((part) => text.indexOf(part))
  assert.ok(
    places.every((place, i) => place > (places[i - 1] ?? -1)),
    text,
  )
  const there = machine('L3:0=0f\n')
  const named = { ...intelRdt, closID: 'shared' }
  applyIntelRdt({ intelRdt: named, id: 'c', pid: 7 }, there.run, register)
  assert.equal(registered.at(-1)?.[0], '/sys/fs/resctrl/shared/mon_groups/c')
  assert.ok(!there.programs[1]?.includes('schemata'))
})

test('applyIntelRdt() refuses a class that says otherwise before anything is written, one that is missing, and a host without resctrl', () => {
  const other = machine('L3:0=1\n')
  const schemata = ['L3:0=f']
  const nothing = (): never => assert.fail('nothing is to be made')
  assert.throws(() => applyIntelRdt({ intelRdt: { closID: 'x', schemata }, id: 'c', pid: 7 }, other.run, nothing), {
    field: '/linux/intelRdt',
  })
  assert.equal(other.programs.length, 1)
  assert.throws(() => applyIntelRdt({ intelRdt: { closID: 'x' }, id: 'c', pid: 7 }, machine(undefined).run, nothing), {
    field: '/linux/intelRdt/closID',
  })
  assert.throws(() => applyIntelRdt({ intelRdt: {}, id: 'c', pid: 7 }, machine(undefined, 0x01021994).run, nothing), {
    code: 'E_UNSUPPORTED',
    fact: 'resctrl',
  })
})
