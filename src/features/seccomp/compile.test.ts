import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidInputError } from '../../base/errors.ts'
import { actionValue, printActionValue } from './action-value.ts'
import { BPF_OP, type BpfInstruction } from '../../linux/bpf-instructions.ts'
import { assembleSeccomp, compileSeccomp } from './compile.ts'
import { decide } from './decide.ts'
import { disassembleBpf } from '../../linux/bpf-program.ts'
import {
  ALLOW,
  failWith,
  low32Equal,
  type SeccompAction,
  type SeccompArgument,
  type SeccompOperator,
  type SeccompProfile,
} from './profile.ts'
import type { SeccompData } from './seccomp-data.ts'
import { checkProgram, simulate } from './simulate.ts'

const NUMBERS = { read: 0, write: 1, open: 2, ioctl: 16, mount: 165, newest: 400 }
const X64 = 0xc000003e
const OPTIONS = { arch: 'x64', numbers: NUMBERS } as const
const BASE: SeccompProfile = {
  defaultAction: failWith(1),
  unknownAction: failWith(38),
  architectures: ['SCMP_ARCH_X86_64'],
  rules: [],
}

function outcome(program: readonly BpfInstruction[], call: SeccompData): string {
  return printActionValue(simulate(program, call).value)
}

/** Calls whose filter answer differs from the meaning of the profile. */
function disagreements(
  profile: SeccompProfile,
  calls: readonly SeccompData[],
  numbers: Readonly<Record<string, number>>,
): string[] {
  const program = assembleSeccomp(profile, { arch: 'x64', numbers })
  checkProgram(program)
  return calls
    .map((call) => ({
      call,
      got: simulate(program, call).value,
      want: actionValue(decide(profile, 'x64', numbers, call)),
    }))
    .filter(({ got, want }) => got !== want)
    .map(
      ({ call, got, want }) =>
        `${call.nr}(${call.args?.join(', ')}): ${printActionValue(got)}, not ${printActionValue(want)}`,
    )
}

test('compileSeccomp() of a small profile gives this listing', () => {
  const rules = [
    { names: ['read', 'write'], action: ALLOW },
    { names: ['ioctl'], action: failWith(1), args: [low32Equal(1, 0x5412)] },
    { names: ['ioctl'], action: ALLOW },
  ]
  const listing = disassembleBpf(assembleSeccomp({ ...BASE, rules }, OPTIONS), 'x64')
  assert.equal(
    listing,
    `   0: BPF_STMT(BPF_LD|BPF_W|BPF_ABS, 0x4) /* arch */
   1: BPF_JUMP(BPF_JMP|BPF_JEQ|BPF_K, 0xc000003e, 0, 15) /* AUDIT_ARCH_X86_64 */
   2: BPF_STMT(BPF_LD|BPF_W|BPF_ABS, 0x0) /* nr */
   3: BPF_JUMP(BPF_JMP|BPF_JSET|BPF_K, 0x40000000, 12, 0)
   4: BPF_JUMP(BPF_JMP|BPF_JGE|BPF_K, 0x11, 6, 0) /* pread64 */
   5: BPF_JUMP(BPF_JMP|BPF_JGE|BPF_K, 0x3, 1, 0) /* close */
   6: BPF_JUMP(BPF_JMP|BPF_JGE|BPF_K, 0x2, 8, 3) /* open */
   7: BPF_JUMP(BPF_JMP|BPF_JGE|BPF_K, 0x10, 0, 10) /* ioctl */
   8: BPF_STMT(BPF_LD|BPF_W|BPF_ABS, 0x18) /* args[1] */
   9: BPF_JUMP(BPF_JMP|BPF_JEQ|BPF_K, 0x5412, 5, 0)
  10: BPF_STMT(BPF_RET|BPF_K, 0x7fff0000) /* SECCOMP_RET_ALLOW */
  11: BPF_JUMP(BPF_JMP|BPF_JGE|BPF_K, 0xa6, 1, 0)
  12: BPF_JUMP(BPF_JMP|BPF_JGE|BPF_K, 0xa5, 2, 5)
  13: BPF_JUMP(BPF_JMP|BPF_JGE|BPF_K, 0x190, 0, 4)
  14: BPF_JUMP(BPF_JMP|BPF_JGE|BPF_K, 0x191, 3, 0)
  15: BPF_STMT(BPF_RET|BPF_K, 0x50001) /* SECCOMP_RET_ERRNO + EPERM */
  16: BPF_JUMP(BPF_JMP|BPF_JEQ|BPF_K, 0xffffffff, 1, 0)
  17: BPF_STMT(BPF_RET|BPF_K, 0x80000000) /* SECCOMP_RET_KILL_PROCESS */
  18: BPF_STMT(BPF_RET|BPF_K, 0x50026) /* SECCOMP_RET_ERRNO + ENOSYS */`,
  )
})

test('compileSeccomp() returns 8 bytes for each instruction of assembleSeccomp()', () => {
  assert.equal(compileSeccomp(BASE, OPTIONS).length, 8 * assembleSeccomp(BASE, OPTIONS).length)
})

test('compileSeccomp() kills on every other architecture, whatever the number', () => {
  const program = assembleSeccomp({ ...BASE, defaultAction: ALLOW, unknownAction: ALLOW }, OPTIONS)
  for (const arch of [0x40000003, 0xc00000b7, 0x40000028, 0, 0xffffffff]) {
    for (const nr of [0, 1, 11, 400, 0x40000000]) assert.equal(outcome(program, { nr, arch }), 'KILL_PROCESS')
  }
})

test('compileSeccomp() kills on x32 numbers and treats -1 as unknown', () => {
  const program = assembleSeccomp({ ...BASE, defaultAction: ALLOW }, OPTIONS)
  for (const nr of [0x40000000, 0x40000001, 0x40000190, 0x7fffffff, 0xc0000000, 0xfffffffe]) {
    assert.equal(outcome(program, { nr, arch: X64 }), 'KILL_PROCESS', nr.toString(16))
  }
  assert.equal(outcome(program, { nr: 0xffffffff, arch: X64 }), 'ERRNO(38)')
  assert.equal(outcome(program, { nr: 0x80000000, arch: X64 }), 'ERRNO(38)')
  assert.equal(outcome(program, { nr: 0x3fffffff, arch: X64 }), 'ERRNO(38)')
})

test('compileSeccomp() compares 64 bits unsigned with every operator, at the edges of both halves', () => {
  const operators: SeccompOperator[] = [
    'SCMP_CMP_EQ',
    'SCMP_CMP_NE',
    'SCMP_CMP_LT',
    'SCMP_CMP_LE',
    'SCMP_CMP_GE',
    'SCMP_CMP_GT',
  ]
  const halves = [0n, 1n, 2n, 0x7fffffffn, 0x80000000n, 0xfffffffen, 0xffffffffn]
  const edges = halves.flatMap((high) => halves.map((low) => (high << 32n) | low))
  let checked = 0
  for (const op of operators) {
    for (const value of edges) {
      const index = checked % 6
      const rules = [{ names: ['ioctl'], action: ALLOW, args: [{ index, op, value }] }]
      const calls = edges.map((edge) => ({
        nr: 16,
        arch: X64,
        args: Array.from({ length: 6 }, (_, i) => (i === index ? edge : 7n)),
      }))
      assert.deepEqual(disagreements({ ...BASE, rules }, calls, NUMBERS), [], `${op} ${value}`)
      checked += calls.length
    }
  }
  assert.equal(checked, 6 * 49 * 49)
})

test('compileSeccomp() masks both halves for SCMP_CMP_MASKED_EQ', () => {
  const parts = [
    0n,
    1n,
    0xffffffffn,
    0x80000000n,
    0x7e020000n,
    0x100000000n,
    0xffffffff00000000n,
    0xffffffffffffffffn,
    0x100000001n,
  ]
  const values = [...parts, ...parts.map((part) => part ^ 0xa5a5a5a5a5a5a5a5n)]
  for (const mask of values) {
    for (const valueTwo of new Set(values.map((value) => value & mask))) {
      const rules = [
        {
          names: ['ioctl'],
          action: ALLOW,
          args: [{ index: 2, op: 'SCMP_CMP_MASKED_EQ' as const, value: mask, valueTwo }],
        },
      ]
      const arguments_ = values.flatMap((value) => [
        value,
        valueTwo,
        valueTwo | (~mask & 0xffffffffffffffffn),
        value ^ 1n,
        value ^ (1n << 63n),
      ])
      const calls = arguments_.map((argument) => ({ nr: 16, arch: X64, args: [0n, 0n, argument] }))
      assert.deepEqual(disagreements({ ...BASE, rules }, calls, NUMBERS), [], `mask ${mask} value ${valueTwo}`)
    }
  }
})

test('compileSeccomp() wants all tests of a rule to pass, and the first matching rule wins', () => {
  const args: SeccompArgument[] = [
    { index: 0, op: 'SCMP_CMP_EQ', value: 1 },
    { index: 1, op: 'SCMP_CMP_GT', value: 5 },
  ]
  const rules = [
    { names: ['ioctl'], action: failWith(7), args },
    { names: ['ioctl'], action: ALLOW, args: args.slice(0, 1) },
    { names: ['ioctl'], action: failWith(9) },
  ]
  const program = assembleSeccomp({ ...BASE, rules }, OPTIONS)
  const answer = (...values: bigint[]): string => outcome(program, { nr: 16, arch: X64, args: values })
  assert.deepEqual([answer(1n, 6n), answer(1n, 5n), answer(2n, 6n)], ['ERRNO(7)', 'ALLOW', 'ERRNO(9)'])
})

test('compileSeccomp() reaches every rule when jumps are longer than 255 instructions', () => {
  const names = Array.from({ length: 400 }, (_, i) => `call${i}`)
  const numbers = Object.fromEntries(names.map((name, i) => [name, i * 2]))
  const rules = names.map((name, i) => ({
    names: [name],
    action: i % 3 === 0 ? ALLOW : failWith(i),
    args: [{ index: i % 6, op: 'SCMP_CMP_EQ' as const, value: (BigInt(i) << 32n) | BigInt(i + 1) }],
  }))
  const calls = Array.from({ length: 805 }, (_, nr) => nr).flatMap((nr) => {
    const i = Math.floor(nr / 2)
    const hit = (BigInt(i) << 32n) | BigInt(i + 1)
    return [hit, hit ^ 1n, hit ^ (1n << 40n)].map((value) => ({
      nr,
      arch: X64,
      args: Array.from({ length: 6 }, () => value),
    }))
  })
  const program = assembleSeccomp({ ...BASE, rules }, { arch: 'x64', numbers })
  assert.ok(program.length > 2000 && program.length <= 4096, `${program.length} instructions`)
  assert.ok(
    program.some(({ code }) => code === BPF_OP.JA),
    'has trampolines',
  )
  assert.deepEqual(disagreements({ ...BASE, rules }, calls, numbers), [])
  const steps = calls.map((call) => simulate(program, call).steps)
  assert.ok(Math.max(...steps) <= 40, `${Math.max(...steps)} steps for the worst call`)
})

test('compileSeccomp() reaches the end of one call with 500 rules', () => {
  const rules = Array.from({ length: 500 }, (_, i) => ({
    names: ['ioctl'],
    action: failWith(i + 1),
    args: [low32Equal(1, i)],
  }))
  const calls = Array.from({ length: 502 }, (_, i) => ({ nr: 16, arch: X64, args: [0n, BigInt(i)] }))
  assert.deepEqual(disagreements({ ...BASE, rules }, calls, NUMBERS), [])
})

test('compileSeccomp() says that a profile is too long for the kernel', () => {
  for (const count of [1_500, 50_000]) {
    const rules = Array.from({ length: count }, (_, i) => ({
      names: ['ioctl'],
      action: failWith(i % 4000),
      args: [{ index: 1, op: 'SCMP_CMP_EQ' as const, value: i }],
    }))
    assert.throws(
      () => compileSeccomp({ ...BASE, rules }, OPTIONS),
      (error) => {
        assert.ok(error instanceof InvalidInputError)
        assert.match(error.message, /4096/)
        return error.field === 'seccomp.rules'
      },
    )
  }
})

test('compileSeccomp() counts the trampolines too when it says that a profile is too long', () => {
  const profileOf = (count: number): SeccompProfile => {
    const rules = Array.from({ length: count }, (_, i) => ({
      names: [`call${i}`],
      action: failWith(i),
      args: [{ index: i % 6, op: 'SCMP_CMP_EQ' as const, value: (BigInt(i) << 32n) | BigInt(i) }],
    }))
    return { ...BASE, rules }
  }
  const numbers = Object.fromEntries(Array.from({ length: 1000 }, (_, i) => [`call${i}`, i]))
  const lengthOf = (count: number): number | undefined => {
    try {
      return assembleSeccomp(profileOf(count), { arch: 'x64', numbers }).length
    } catch (error) {
      assert.ok(error instanceof InvalidInputError)
      return undefined
    }
  }
  assert.equal(lengthOf(700), undefined)
  let count = 700
  let length = lengthOf(count)
  while (length === undefined) length = lengthOf(--count)
  assert.ok(length <= 4096 && length > 4000, `${length} instructions for ${count} rules`)
})

test('actionValue() is the value of <linux/seccomp.h>, and printActionValue() its name', () => {
  const values: [SeccompAction, number, string][] = [
    [{ type: 'SCMP_ACT_KILL_PROCESS' }, 0x80000000, 'KILL_PROCESS'],
    [{ type: 'SCMP_ACT_KILL_THREAD' }, 0, 'KILL_THREAD'],
    [{ type: 'SCMP_ACT_TRAP' }, 0x00030000, 'TRAP'],
    [{ type: 'SCMP_ACT_ERRNO', errno: 4095 }, 0x00050fff, 'ERRNO(4095)'],
    [{ type: 'SCMP_ACT_NOTIFY' }, 0x7fc00000, 'NOTIFY'],
    [{ type: 'SCMP_ACT_TRACE', data: 0xffff }, 0x7ff0ffff, 'TRACE(65535)'],
    [{ type: 'SCMP_ACT_LOG' }, 0x7ffc0000, 'LOG'],
    [ALLOW, 0x7fff0000, 'ALLOW'],
  ]
  for (const [action, value, name] of values) {
    assert.equal(actionValue(action), value)
    assert.equal(printActionValue(value), name)
  }
  assert.equal(printActionValue(0x12340000), '0x12340000')
})

test('compileSeccomp() takes about log n steps for a call that is decided by its number', () => {
  const numbers = Object.fromEntries(Array.from({ length: 512 }, (_, i) => [`call${i}`, i]))
  const rules = [{ names: Object.keys(numbers).filter((_, i) => i % 2 === 0), action: ALLOW }]
  const program = assembleSeccomp({ ...BASE, rules }, { arch: 'x64', numbers })
  const steps = Array.from({ length: 512 }, (_, nr) => simulate(program, { nr, arch: X64 }).steps)
  assert.ok(Math.max(...steps) <= 4 + 10 + 2, `${Math.max(...steps)} steps`)
})

test('compileSeccomp() merges neighbouring numbers with the same decision', () => {
  const numbers = Object.fromEntries(Array.from({ length: 512 }, (_, i) => [`call${i}`, i]))
  const rules = [{ names: Object.keys(numbers), action: ALLOW }]
  assert.ok(assembleSeccomp({ ...BASE, rules }, { arch: 'x64', numbers }).length <= 10)
})

test('compileSeccomp() refuses a profile that is not meant for the architecture', () => {
  const profile: SeccompProfile = { ...BASE, architectures: ['SCMP_ARCH_AARCH64'] }
  assert.throws(() => compileSeccomp(profile, OPTIONS), { name: 'InvalidInputError', field: 'seccomp.architectures' })
})

test('compileSeccomp() accepts names of the other architecture, and unknown ones only if asked to', () => {
  const rules = [{ names: ['renameat', 'read'], action: ALLOW }]
  assert.throws(() => compileSeccomp({ ...BASE, rules }, OPTIONS), { field: 'seccomp.rules[0].names[0]' })
  compileSeccomp({ ...BASE, rules }, { ...OPTIONS, otherNames: ['renameat'] })
  const program = assembleSeccomp({ ...BASE, rules }, { ...OPTIONS, skipUnknownNames: true })
  assert.equal(outcome(program, { nr: 0, arch: X64 }), 'ALLOW')
})
