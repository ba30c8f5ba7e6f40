import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Environment } from './environment.ts'

test('Environment keeps each name once, the last value wins, in the order of the first', () => {
  const environment = new Environment({ B: '1', A: '2' })
  environment.set('B', '3')
  environment.set('A', 'kept', false)
  environment.set('C', '', false)
  assert.deepEqual(environment.list(), ['B=3', 'A=2', 'C='])
  assert.equal(environment.get('C'), '')
  assert.equal(environment.get('D'), undefined)
})

test('Environment.child() is a copy: neither sees what the other changes', () => {
  const parent = new Environment({ A: '1' })
  const child = parent.child()
  parent.set('A', '2')
  child.unset('A')
  child.set('B', '1')
  assert.deepEqual([parent.list(), child.list()], [['A=2'], ['B=1']])
  parent.clear()
  assert.deepEqual([parent.list(), child.list()], [[], ['B=1']])
})

test('Environment holds names that are properties of every object', () => {
  const environment = new Environment({ constructor: 'a' })
  environment.set('__proto__', 'b')
  assert.deepEqual(environment.child().list(), ['constructor=a', '__proto__=b'])
  assert.equal(environment.get('toString'), undefined)
})

test('Environment refuses what execve(2) cannot carry, naming the variable', () => {
  const environment = new Environment()
  for (const name of ['', 'A=B', 'A\0']) {
    const refusal = { name: 'InvalidInputError', field: `env.${name}` }
    assert.throws(() => environment.set(name, ''), refusal)
    assert.throws(() => environment.get(name), refusal)
    assert.throws(() => environment.unset(name), refusal)
    assert.throws(() => new Environment({ [name]: '' }), refusal)
  }
  assert.throws(() => environment.set('A', 'x\0y'), { name: 'InvalidInputError', field: 'env.A' })
  assert.throws(() => environment.set('A', 1 as unknown as string), { name: 'InvalidInputError', field: 'env.A' })
  assert.deepEqual(environment.list(), [])
})
