import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidInputError } from '../../base/errors.ts'
import { ALLOW, failWith, low32Equal, type SeccompProfile, type SeccompRule } from './profile.ts'
import { validateProfile } from './validate-profile.ts'

const NAMES = new Set(['openat', 'openat2', 'read', 'mount'])

function refusal(
  rules: readonly SeccompRule[],
  profile: Partial<SeccompProfile> = {},
): { field: string; message: string } {
  const base: SeccompProfile = { defaultAction: ALLOW, unknownAction: ALLOW, architectures: [], rules }
  try {
    validateProfile({ ...base, ...profile }, NAMES)
  } catch (error) {
    assert.ok(error instanceof InvalidInputError)
    return { field: error.field, message: error.message }
  }
  return { field: 'none', message: '' }
}

test('validateProfile() names the rule and the likely meaning of an unknown system call', () => {
  const { field, message } = refusal([
    { names: ['read'], action: ALLOW },
    { names: ['read', 'opennat'], action: ALLOW },
  ])
  assert.equal(field, 'seccomp.rules[1].names[1]')
  assert.match(message, /"opennat".*did you mean openat\?/)
})

test('validateProfile() refuses operands out of range, each by its field', () => {
  const rule = (arg: object): SeccompRule[] => [
    { names: ['read'], action: ALLOW, args: [{ index: 0, op: 'SCMP_CMP_EQ', value: 0, ...arg }] },
  ]
  const field = (name: string): string => `seccomp.rules[0].args[0].${name}`
  assert.equal(refusal(rule({ index: 6 })).field, field('index'))
  assert.equal(refusal(rule({ index: 0.5 })).field, field('index'))
  assert.equal(refusal(rule({ value: -1 })).field, field('value'))
  assert.equal(refusal(rule({ value: 2 ** 53 })).field, field('value'))
  assert.equal(refusal(rule({ value: 1n << 64n })).field, field('value'))
  assert.equal(refusal(rule({ value: (1n << 64n) - 1n })).field, 'none')
  assert.equal(refusal(rule({ op: 'SCMP_CMP_ABOUT' })).field, field('op'))
  assert.equal(refusal(rule({ op: 'toString' })).field, field('op'))
  assert.equal(refusal(rule({ op: 'SCMP_CMP_MASKED_EQ', value: 0xf0, valueTwo: 0x1f })).field, field('valueTwo'))
})

test('validateProfile() refuses actions out of range and rules without a name', () => {
  assert.equal(refusal([{ names: [], action: ALLOW }]).field, 'seccomp.rules[0].names')
  assert.equal(refusal([{ names: ['read'], action: failWith(4096) }]).field, 'seccomp.rules[0].action.errno')
  assert.equal(refusal([], { defaultAction: failWith(-1) }).field, 'seccomp.defaultAction.errno')
  assert.equal(
    refusal([], { unknownAction: { type: 'SCMP_ACT_TRACE', data: 65536 } }).field,
    'seccomp.unknownAction.data',
  )
  assert.equal(refusal([], { defaultAction: { type: 'SCMP_ACT_NONE' } as never }).field, 'seccomp.defaultAction')
})

test('validateProfile() refuses a rule that an earlier one makes unreachable, and lets repetitions pass', () => {
  const always: SeccompRule = { names: ['mount'], action: failWith(1) }
  const tested: SeccompRule = { names: ['mount'], action: ALLOW, args: [low32Equal(0, 1), low32Equal(1, 2)] }
  const swapped: SeccompRule = { names: ['mount'], action: failWith(1), args: [low32Equal(1, 2), low32Equal(0, 1)] }
  assert.equal(refusal([tested, always]).field, 'none')
  assert.equal(refusal([always, tested]).field, 'seccomp.rules[1]')
  assert.equal(refusal([tested, swapped]).field, 'seccomp.rules[1]')
  assert.match(refusal([always, tested]).message, /"mount".*rules\[0\]/)
  assert.equal(refusal([always, always, { ...tested, action: failWith(1) }]).field, 'none')
})
