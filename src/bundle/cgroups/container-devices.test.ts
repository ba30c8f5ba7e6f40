import assert from 'node:assert/strict'
import { test } from 'node:test'
import { mayUse } from '../../features/devices/device-model.ts'
import type { DeviceRule } from '../../features/devices/device-rule.ts'
import { containerDevices } from './container-devices.ts'

const allows = (rules: readonly DeviceRule[], minor: number, major = 1): boolean =>
  mayUse(rules, { kind: 'c', major, minor, access: 'rw' })

test('L57: containerDevices() lets every container use the default devices, whatever its rules say, and nothing else', () => {
  for (const given of [undefined, [{ allow: false, access: 'rwm' }]]) {
    const rules = containerDevices(given)
    assert.ok([3, 5, 7, 8, 9].every((minor) => allows(rules, minor)) && allows(rules, 2, 5))
    assert.ok(!allows(rules, 1) && !allows(rules, 229, 10))
  }
  assert.ok(allows(containerDevices([{ allow: false }, { allow: true, type: 'c', major: 10, minor: 229 }]), 229, 10))
})

test('containerDevices() restricts nothing where all is allowed at the end, and only there', () => {
  assert.deepEqual(containerDevices([{ allow: true, access: 'rwm' }]), [])
  assert.deepEqual(containerDevices([{ allow: false }, { allow: true, type: 'a', major: -1, minor: -1 }]), [])
  const taken = containerDevices([{ allow: true }, { allow: false, type: 'c', major: 1, minor: 1 }])
  assert.ok(!allows(taken, 1) && allows(taken, 229, 10))
  assert.notDeepEqual(containerDevices([{ allow: true, access: 'rw' }]), [])
})

test('L57, D-L17: containerDevices() gives nobody the making of nodes back that the rules take away by name', () => {
  const make = { kind: 'c', major: 8, minor: 0, access: 'm' } as const
  const denied = [{ allow: false, access: 'rwm' }, { allow: false, type: 'c', access: 'm' } as const]
  assert.ok(mayUse(containerDevices(denied.slice(0, 1)), make))
  assert.ok(!mayUse(containerDevices(denied), make))
  assert.ok(allows(containerDevices(denied), 3))
  assert.ok(mayUse(containerDevices([...denied, { allow: true, type: 'c', major: 8, minor: 0, access: 'm' }]), make))
})
