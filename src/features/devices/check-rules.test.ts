import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkDeviceRules } from './check-rules.ts'
import { DEFAULT_DEVICE_RULES, OCI_DEFAULT_DEVICE_RULES } from './default-rules.ts'

test('L57: checkDeviceRules() takes rules as the OCI runtime specification has them', () => {
  assert.deepEqual(checkDeviceRules([]), [])
  for (const rules of [DEFAULT_DEVICE_RULES, OCI_DEFAULT_DEVICE_RULES])
    assert.equal(checkDeviceRules(rules).length, rules.length)
  const rule = { allow: true, type: 'b', major: 4095, minor: -1, access: 'mr' } as const
  assert.deepEqual(checkDeviceRules([{ allow: false, access: 'rwm' }, rule])[1], rule)
})

test('L57: checkDeviceRules() names what cannot be meant', () => {
  const good = { allow: true, type: 'c', major: 1, minor: 3, access: 'rwm' }
  const wrong: readonly (readonly [unknown, string])[] = [
    [{ 0: good }, 'devices'],
    [[good, null], 'devices[1]'],
    [[good, good, good, { ...good, access: 'rx' }], 'devices[3].access'],
    [[{ ...good, access: '' }], 'devices[0].access'],
    [[{ ...good, access: 'rr' }], 'devices[0].access'],
    [[{ ...good, allow: 'yes' }], 'devices[0].allow'],
    [[{ type: 'c' }], 'devices[0].allow'],
    [[{ ...good, type: 'p' }], 'devices[0].type'],
    [[{ ...good, major: 4096 }], 'devices[0].major'],
    [[{ ...good, minor: 1.5 }], 'devices[0].minor'],
    [[{ ...good, minor: -2 }], 'devices[0].minor'],
    [[{ ...good, type: 'a' }], 'devices[0].major'],
    [[{ allow: true, minor: 3 }], 'devices[0].minor'],
    [[{ ...good, acess: 'r' }], 'devices[0].acess'],
  ]
  for (const [rules, field] of wrong) {
    assert.throws(() => checkDeviceRules(rules), { name: 'InvalidInputError', field }, JSON.stringify(rules))
  }
  assert.throws(() => checkDeviceRules([{ allow: 1 }], 'linux.resources.devices'), {
    field: 'linux.resources.devices[0].allow',
  })
})
