import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidInputError } from '../../base/errors.ts'
import { EBPF_OP, encodeEbpf, printEbpf } from '../../linux/ebpf-instructions.ts'
import { mayUse } from './device-model.ts'
import { DEFAULT_DEVICE_RULES, OCI_DEFAULT_DEVICE_RULES } from './default-rules.ts'
import { deviceProgram, printDeviceProgram } from './device-program.ts'
import type { DeviceRule } from './device-rule.ts'
import { numbersFrom, rulesFrom, USES } from './random-rules.ts'
import { simulateDeviceProgram } from './simulate-device-program.ts'

/** Instructions that some path leads to: the kernel refuses a program that has others. */
function reached(rules: readonly DeviceRule[]): { readonly length: number; readonly count: number } {
  const { instructions } = deviceProgram(rules)
  const seen = new Set<number>()
  const open = [0]
  for (let at = open.pop(); at !== undefined; at = open.pop()) {
    const instruction = instructions[at]
    assert.ok(instruction, `runs past its end at ${at}`)
    if (seen.has(at)) continue
    seen.add(at)
    const { code, off } = instruction
    if (code !== EBPF_OP.EXIT && code !== EBPF_OP.JA) open.push(at + 1)
    if (off > 0 && code !== EBPF_OP.LDX_W) open.push(at + 1 + off)
    if (off === 0 && code === EBPF_OP.JA) open.push(at + 1)
  }
  return { length: instructions.length, count: seen.size }
}

test('X19: deviceProgram() answers as the rules mean it, for every use of random rules', () => {
  const next = numbersFrom(19)
  for (let round = 0; round < 600; round++) {
    const rules = rulesFrom(next)
    const { instructions } = deviceProgram(rules)
    for (const use of USES) {
      const expected = mayUse(rules, use) ? 1 : 0
      if (simulateDeviceProgram(instructions, use) === expected) continue
      assert.fail(`${expected} is wanted of ${JSON.stringify({ rules, use })}`)
    }
    const { length, count } = reached(rules)
    assert.equal(count, length, `unreachable instructions for ${JSON.stringify(rules)}`)
  }
})

test('X19: deviceProgram() denies an open for reading and writing when writing is denied', () => {
  const { instructions } = deviceProgram([
    { allow: true },
    { allow: false, type: 'c', major: 1, minor: 3, access: 'w' },
  ])
  const run = (access: string) => simulateDeviceProgram(instructions, { kind: 'c', major: 1, minor: 3, access })
  assert.deepEqual(['r', 'w', 'rw', 'm'].map(run), [1, 0, 0, 1])
})

test('deviceProgram() leaves out rules that a later one makes void', () => {
  const plain = deviceProgram([{ allow: false }, { allow: true, type: 'c', major: 1, minor: 3 }])
  const longer = deviceProgram([
    { allow: true, type: 'b', major: 8 },
    { allow: true },
    { allow: false },
    { allow: true, type: 'c', major: 1, minor: 3, access: 'r' },
    { allow: true, type: 'c', major: 1, minor: 3 },
    { allow: false, type: 'c', major: 1, minor: 4 },
  ])
  assert.deepEqual(longer, plain)
  assert.equal(deviceProgram([{ allow: false }]).instructions.length, 2)
  assert.equal(deviceProgram([]).instructions.length, 2)
})

test('printDeviceProgram() shows the program as bpftool does, under the devices that it is about', () => {
  const rules = [{ allow: false }, { allow: true, type: 'c', major: 1, minor: 3, access: 'rw' }] as const
  const program = deviceProgram(rules)
  assert.equal(
    printDeviceProgram(program),
    `   0: (61) r2 = *(u32 *)(r1 +0)
   1: (bf) r3 = r2
   2: (57) r2 &= 65535
   3: (77) r3 >>= 16
   4: (61) r4 = *(u32 *)(r1 +4)
   5: (61) r5 = *(u32 *)(r1 +8)
   6: (55) if r2 != 0x2 goto pc+4
   7: (55) if r4 != 0x1 goto pc+3
; c 1:3 rw
   8: (55) if r5 != 0x3 goto pc+2
   9: (45) if r3 & 0x1 goto pc+1
  10: (05) goto pc+2
  11: (b7) r0 = 0
  12: (95) exit
  13: (b7) r0 = 1
  14: (95) exit`,
  )
  assert.equal(printEbpf(program.instructions), printDeviceProgram(program).replaceAll(/^;.*\n/gm, ''))
  const bytes = encodeEbpf(program.instructions)
  assert.deepEqual([...bytes.subarray(0, 8)], [0x61, 0x12, 0, 0, 0, 0, 0, 0])
  assert.deepEqual([...bytes.subarray(72, 80)], [0x45, 0x03, 1, 0, 1, 0, 0, 0])
})

test('L57: the default rules allow what they name, and those of the OCI nothing beyond the standard', () => {
  const may = (rules: readonly DeviceRule[], major: number, minor: number, access = 'rw') =>
    mayUse(rules, { kind: 'c', major, minor, access })
  const named = [
    [1, 3],
    [1, 5],
    [1, 7],
    [1, 8],
    [1, 9],
    [5, 0],
    [5, 1],
    [4, 0],
    [4, 1],
    [136, 7],
    [5, 2],
    [10, 200],
  ] as const
  for (const [major, minor] of named) assert.ok(may(DEFAULT_DEVICE_RULES, major, minor), `${major}:${minor}`)
  assert.deepEqual([may(DEFAULT_DEVICE_RULES, 1, 1), may(DEFAULT_DEVICE_RULES, 1, 1, 'm')], [false, true])
  assert.deepEqual(
    named.filter(([major, minor]) => !may(OCI_DEFAULT_DEVICE_RULES, major, minor)),
    [
      [4, 0],
      [4, 1],
      [10, 200],
    ],
  )
  assert.equal(mayUse(DEFAULT_DEVICE_RULES, { kind: 'b', major: 8, minor: 0, access: 'r' }), false)
})

test('deviceProgram() refuses more rules than a program holds', () => {
  const many = Array.from({ length: 4100 }, (_, minor) => ({ allow: true, type: 'b', major: 8, minor }) as const)
  assert.throws(
    () => deviceProgram(many),
    (error) => error instanceof InvalidInputError && error.field === 'devices',
  )
})
