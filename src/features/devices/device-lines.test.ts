import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UnsupportedError } from '../../base/errors.ts'
import { DEFAULT_DEVICE_RULES } from './default-rules.ts'
import { deviceLinesV1, deviceUpdateV1, readDeviceList } from './device-lines.ts'
import { deviceListV1 } from './device-list.ts'
import { DeviceListModel, mayUse } from './device-model.ts'
import type { DeviceRule } from './device-rule.ts'
import { numbersFrom, rulesFrom, USES } from './random-rules.ts'

/** What a list of v1 can say, or undefined when it refused. */
function expressible<T>(make: () => T): T | undefined {
  try {
    return make()
  } catch (error) {
    assert.ok(error instanceof UnsupportedError)
    assert.match(error.message, /^devices\[\d+\] takes [rwm]+ of [bc] .* out of [bc] .* in devices\[\d+\]/)
    return undefined
  }
}

test('L57: deviceLinesV1() gives the writes after which the kernel allows what the rules mean', () => {
  const next = numbersFrom(57)
  let said = 0
  for (let round = 0; round < 500; round++) {
    const rules = rulesFrom(next)
    const writes = expressible(() => deviceLinesV1(rules))
    if (!writes) continue
    said += 1
    const model = new DeviceListModel()
    writes.forEach((write) => model.write(write))
    for (const use of USES) {
      if (model.allows(use) !== mayUse(rules, use)) assert.fail(JSON.stringify({ rules, writes, use }))
    }
  }
  assert.ok(said > 150, `only ${said} of 500 sets of rules could be said`)
})

test('L57: deviceUpdateV1() leads from one set of rules to another, and nothing is allowed between that both deny', () => {
  const next = numbersFrom(5)
  let moves = 0
  for (let round = 0; round < 500; round++) {
    const [before, after] = [rulesFrom(next), rulesFrom(next)]
    const list = expressible(() => deviceListV1(before))
    const update = list && expressible(() => deviceUpdateV1(list, after))
    if (!update) continue
    moves += 1
    const model = new DeviceListModel()
    // As the group has it now: the list that `before` was written as.
    deviceLinesV1(before).forEach((write) => model.write(write))
    for (const write of update.writes) {
      model.write(write)
      if (update.opens) continue
      const more = USES.find(
        (use) => use.access.length === 1 && model.allows(use) && !mayUse(before, use) && !mayUse(after, use),
      )
      if (more) assert.fail(JSON.stringify({ before, after, update, write, more }))
    }
    for (const use of USES)
      if (model.allows(use) !== mayUse(after, use)) assert.fail(JSON.stringify({ before, after, update, use }))
  }
  assert.ok(moves > 150, `only ${moves} of 500 updates could be said`)
})

test('L57: deviceLinesV1() refuses by name what no list with one default can say', () => {
  const rules: readonly DeviceRule[] = [
    { allow: false },
    { allow: true, type: 'c', major: 1 },
    { allow: false, type: 'c', major: 1, minor: 3, access: 'w' },
  ]
  assert.throws(() => deviceLinesV1(rules), {
    name: 'UnsupportedError',
    fact: 'cgroup v1 device list',
    message: /^devices\[2\] takes w of c 1:3 out of c 1:\* in devices\[1\]/,
  })
})

test('L57: an update between allow-lists keeps what both allow', () => {
  const narrow: readonly DeviceRule[] = [{ allow: false }, { allow: true, type: 'c', major: 1, minor: 3 }]
  const wide: readonly DeviceRule[] = [{ allow: false }, { allow: true, type: 'c', major: 1 }]
  const lines = (from: readonly DeviceRule[], to: readonly DeviceRule[]) =>
    deviceUpdateV1(deviceListV1(from), to).writes.map(({ file, value }) => `${file} ${value}`)
  assert.deepEqual(lines(narrow, wide), ['devices.allow c 1:* rwm', 'devices.deny c 1:3 rwm'])
  assert.deepEqual(lines(wide, narrow), ['devices.allow c 1:3 rwm', 'devices.deny c 1:* rwm'])
  assert.deepEqual(lines(wide, wide), [])
})

test('readDeviceList() reads what the kernel shows; a list that allows by default hides its exceptions', () => {
  const shown = 'c 1:3 rwm\nc *:* m\nb 8:* r\n'
  assert.deepEqual(readDeviceList(shown), {
    otherwise: 'deny',
    exceptions: [
      { kind: 'c', major: 1, minor: 3, access: 7 },
      { kind: 'c', major: -1, minor: -1, access: 1 },
      { kind: 'b', major: 8, minor: -1, access: 2 },
    ],
  })
  assert.equal(readDeviceList('a *:* rwm\n'), undefined)
  assert.throws(() => readDeviceList('c 1:3\n'), { name: 'InvalidInputError', field: 'devices.list' })
  const unknown = deviceUpdateV1(undefined, DEFAULT_DEVICE_RULES)
  assert.deepEqual([unknown.changesDefault, unknown.opens, unknown.writes[0]?.value], [true, false, 'a'])
})
