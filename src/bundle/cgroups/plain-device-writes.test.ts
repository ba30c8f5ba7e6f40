import assert from 'node:assert/strict'
import { test } from 'node:test'
import { DeviceListModel, mayUse } from '../../features/devices/device-model.ts'
import { numbersFrom, rulesFrom, USES } from '../../features/devices/random-rules.ts'
import { containerDevices } from './container-devices.ts'
import { plainDeviceWrites } from './plain-device-writes.ts'

test('L57: plainDeviceWrites() has the kernel allow what the rules mean, for random rules behind a denial of everything', () => {
  const next = numbersFrom(11)
  let said = 0
  for (let round = 0; round < 500; round++) {
    const rules = [{ allow: false, access: 'rwm' }, ...rulesFrom(next)]
    const writes = plainDeviceWrites(rules)
    if (!writes) continue
    said += 1
    const model = new DeviceListModel()
    writes.forEach((write) => model.write(write))
    for (const use of USES) {
      if (model.allows(use) !== mayUse(rules, use)) assert.fail(JSON.stringify({ rules, writes, use }))
    }
  }
  assert.ok(said > 50, `only ${said} of 500 were plain`)
})

test('plainDeviceWrites() knows what docker, podman and containerd give, and no other shape', () => {
  const docker = [
    { allow: false, access: 'rwm' },
    { allow: true, type: 'c', major: 1, minor: 5, access: 'rwm' },
    { allow: false, type: 'c', major: 10, minor: 229, access: 'rwm' },
  ] as const
  const values = plainDeviceWrites(containerDevices(docker))?.map(({ value }) => value)
  assert.deepEqual(values?.slice(0, 2), ['a', 'c 1:5 rwm'])
  assert.equal(new Set(values).size, values?.length)
  assert.equal(plainDeviceWrites([]), undefined)
  assert.equal(plainDeviceWrites([{ allow: true }]), undefined)
  assert.equal(plainDeviceWrites([{ allow: false, access: 'r' }]), undefined)
  assert.equal(plainDeviceWrites([...docker, { allow: false, type: 'c', major: 1 }]), undefined)
})
