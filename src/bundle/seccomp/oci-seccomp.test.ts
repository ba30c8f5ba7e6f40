import assert from 'node:assert/strict'
import { test } from 'node:test'
import { printActionValue } from '../../features/seccomp/action-value.ts'
import type { SeccompData } from '../../features/seccomp/seccomp-data.ts'
import { checkProgram, simulate } from '../../features/seccomp/simulate.ts'
import { decodeBpf } from '../../linux/bpf-instructions.ts'
import { SYSCALLS_ARM64 } from '../../linux/tables/syscalls-arm64.ts'
import { SYSCALLS_X64 } from '../../linux/tables/syscalls-x64.ts'
import type { Seccomp } from '../spec.ts'
import { ociSeccomp } from './oci-seccomp.ts'
import { SYSCALLS_I386 } from './syscalls-i386.ts'

const X64 = 0xc000003e
const I386 = 0x40000003
const ARM64 = 0xc00000b7
const ALL = ['SCMP_ARCH_X86_64', 'SCMP_ARCH_X86', 'SCMP_ARCH_X32']

type Names = keyof typeof SYSCALLS_X64

/** What a filter answers, by the kernel's rules for programs and its interpreter. */
function answers(seccomp: Seccomp, arch: 'x64' | 'arm64' = 'x64'): (call: SeccompData) => string {
  const program = decodeBpf(ociSeccomp(seccomp, arch).filter)
  checkProgram(program)
  return (call) => printActionValue(simulate(program, call).value)
}

const call = (name: Names, ...args: (number | bigint)[]): SeccompData => ({
  arch: X64,
  nr: SYSCALLS_X64[name],
  args: args.map(BigInt),
})
const call32 = (name: keyof typeof SYSCALLS_I386, ...args: (number | bigint)[]): SeccompData => ({
  arch: I386,
  nr: SYSCALLS_I386[name],
  args: args.map(BigInt),
})

test('ociSeccomp() gives each action with its errno, EPERM unless said', () => {
  const rule = (name: Names, action: string, errnoRet?: number) => ({
    names: [name],
    action,
    ...(errnoRet === undefined ? {} : { errnoRet }),
  })
  const decide = answers({
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [
      rule('mkdir', 'SCMP_ACT_ERRNO'),
      rule('rmdir', 'SCMP_ACT_ERRNO', 5),
      rule('link', 'SCMP_ACT_KILL'),
      rule('chmod', 'SCMP_ACT_KILL_THREAD'),
      rule('chown', 'SCMP_ACT_KILL_PROCESS'),
      rule('chdir', 'SCMP_ACT_TRAP'),
      rule('rename', 'SCMP_ACT_TRACE', 7),
      rule('sync', 'SCMP_ACT_LOG'),
      rule('mount', 'SCMP_ACT_NOTIFY'),
    ],
  })
  const seen = (['mkdir', 'rmdir', 'link', 'chmod', 'chown', 'chdir', 'rename', 'sync', 'mount', 'read'] as const).map(
    (name) => decide(call(name)),
  )
  assert.deepEqual(seen, [
    'ERRNO(1)',
    'ERRNO(5)',
    'KILL_THREAD',
    'KILL_THREAD',
    'KILL_PROCESS',
    'TRAP',
    'TRACE(7)',
    'LOG',
    'NOTIFY',
    'ALLOW',
  ])
})

test('ociSeccomp() skips names that an architecture does not have, and those of no machine', () => {
  const names = ['socketcall', 'mkdir', 'no_such_call', 'constructor', 'toString']
  const decide = answers({
    defaultAction: 'SCMP_ACT_ALLOW',
    architectures: ALL,
    syscalls: [{ names, action: 'SCMP_ACT_ERRNO', errnoRet: 9 }],
  })
  assert.equal(decide(call('mkdir')), 'ERRNO(9)')
  assert.equal(decide(call32('socketcall', 1)), 'ERRNO(9)')
  assert.equal(decide(call('read')), 'ALLOW')
})

test('ociSeccomp() ends the process for calls of an architecture that is not in the list', () => {
  const decide = answers({ defaultAction: 'SCMP_ACT_ALLOW', architectures: ['SCMP_ARCH_ARM'] })
  assert.equal(decide(call('read')), 'ALLOW')
  assert.equal(decide(call32('read')), 'KILL_PROCESS')
  assert.equal(decide({ arch: X64, nr: 0x4000_0000 }), 'KILL_PROCESS')
  assert.equal(decide({ arch: X64, nr: 0xffff_ffff }), 'ALLOW')
  assert.equal(decide({ arch: ARM64, nr: 0 }), 'KILL_PROCESS')
})

test('ociSeccomp() knows the numbers that x32 and 32-bit x86 have of their own', () => {
  const decide = answers({
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: 38,
    architectures: ALL,
    syscalls: [{ names: ['ioctl', 'mkdir', 'uselib'], action: 'SCMP_ACT_ALLOW' }],
  })
  assert.equal(decide({ arch: X64, nr: 0x4000_0000 + 514 }), 'ALLOW')
  assert.equal(decide({ arch: X64, nr: 0x4000_0000 + SYSCALLS_X64.ioctl }), 'ERRNO(38)')
  assert.equal(decide({ arch: X64, nr: 0x4000_0000 + SYSCALLS_X64.mkdir }), 'ALLOW')
  assert.equal(decide({ arch: X64, nr: 0x4000_0000 + SYSCALLS_X64.uselib }), 'ERRNO(38)')
  assert.equal(decide(call32('mkdir')), 'ALLOW')
  assert.equal(decide({ arch: I386, nr: SYSCALLS_X64.mkdir }), 'ERRNO(38)')
})

test('ociSeccomp() compares 64 bits, and 32 in 32-bit programs', () => {
  const wide = { index: 0, value: 0xffff_ffff_ffff_ffffn, op: 'SCMP_CMP_EQ' }
  const decide = answers({
    defaultAction: 'SCMP_ACT_ALLOW',
    architectures: ALL,
    syscalls: [{ names: ['personality'], action: 'SCMP_ACT_ERRNO', args: [wide] }],
  })
  assert.equal(decide(call('personality', 0xffff_ffff_ffff_ffffn)), 'ERRNO(1)')
  assert.equal(decide(call('personality', 0xffff_ffff)), 'ALLOW')
  assert.equal(decide(call32('personality', 0xffff_ffff)), 'ERRNO(1)')
})

test('ociSeccomp() lets a rule without arguments decide, the first of them, and else the strictest that matches', () => {
  const eq = (index: number, value: number) => ({ index, value, op: 'SCMP_CMP_EQ' })
  const decide = answers({
    defaultAction: 'SCMP_ACT_ALLOW',
    syscalls: [
      { names: ['mkdir'], action: 'SCMP_ACT_LOG', args: [eq(0, 1)] },
      { names: ['mkdir'], action: 'SCMP_ACT_ERRNO', errnoRet: 3 },
      { names: ['mkdir'], action: 'SCMP_ACT_KILL' },
      { names: ['rmdir'], action: 'SCMP_ACT_LOG', args: [eq(0, 1)] },
      { names: ['rmdir'], action: 'SCMP_ACT_TRAP', args: [eq(1, 1)] },
      { names: ['rmdir'], action: 'SCMP_ACT_ERRNO', args: [eq(2, 1)] },
    ],
  })
  assert.equal(decide(call('mkdir', 1)), 'ERRNO(3)')
  assert.equal(decide(call('rmdir', 1, 1, 1)), 'TRAP')
  assert.equal(decide(call('rmdir', 1, 0, 1)), 'ERRNO(1)')
  assert.equal(decide(call('rmdir', 1)), 'LOG')
  assert.equal(decide(call('rmdir')), 'ALLOW')
})

test('ociSeccomp() takes two tests of one argument for two rules, others for one', () => {
  const test1 = { index: 0, value: 1, op: 'SCMP_CMP_EQ' }
  const rule = (second: object) => ({
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: 38,
    syscalls: [{ names: ['personality'], action: 'SCMP_ACT_ALLOW', args: [test1, second as typeof test1] }],
  })
  const either = answers(rule({ index: 0, value: 8, op: 'SCMP_CMP_EQ' }))
  assert.deepEqual(
    [1, 8, 2].map((n) => either(call('personality', n))),
    ['ALLOW', 'ALLOW', 'ERRNO(38)'],
  )
  const both = answers(rule({ index: 1, value: 8, op: 'SCMP_CMP_GE' }))
  assert.deepEqual([both(call('personality', 1, 9)), both(call('personality', 1, 7))], ['ALLOW', 'ERRNO(38)'])
})

test('ociSeccomp() makes rules of sockets count for socketcall, and of System V IPC for ipc, unless these are named', () => {
  const rule = (names: string[], action: string, args?: object[]) => ({
    names,
    action,
    ...(args ? { args: args as [] } : {}),
  })
  const strict = answers({
    defaultAction: 'SCMP_ACT_ALLOW',
    architectures: ALL,
    syscalls: [
      rule(['bind', 'shmget'], 'SCMP_ACT_ERRNO'),
      rule(['socket'], 'SCMP_ACT_ERRNO', [{ index: 0, value: 16, op: 'SCMP_CMP_EQ' }]),
    ],
  })
  assert.deepEqual(
    [1, 2, 3].map((n) => strict(call32('socketcall', n))),
    ['ERRNO(1)', 'ERRNO(1)', 'ALLOW'],
  )
  assert.equal(strict(call32('ipc', 0x10017)), 'ERRNO(1)')
  assert.equal(strict(call32('socket', 2)), 'ALLOW')
  const open = answers({
    defaultAction: 'SCMP_ACT_ERRNO',
    defaultErrnoRet: 38,
    architectures: ALL,
    syscalls: [
      rule(['bind'], 'SCMP_ACT_ALLOW'),
      rule(['socket'], 'SCMP_ACT_ALLOW', [{ index: 0, value: 1, op: 'SCMP_CMP_EQ' }]),
    ],
  })
  assert.deepEqual(
    [1, 2].map((n) => open(call32('socketcall', n))),
    ['ERRNO(38)', 'ALLOW'],
  )
  const named = answers({
    defaultAction: 'SCMP_ACT_ALLOW',
    architectures: ALL,
    syscalls: [rule(['bind'], 'SCMP_ACT_ERRNO'), rule(['socketcall'], 'SCMP_ACT_LOG')],
  })
  assert.equal(named(call32('socketcall', 2)), 'LOG')
})

test('ociSeccomp() answers ENOSYS above the last call that a profile names, where its default is EPERM', () => {
  const profile = (more: Partial<Seccomp>): Seccomp => ({
    defaultAction: 'SCMP_ACT_ERRNO',
    syscalls: [{ names: ['read', 'mkdir'], action: 'SCMP_ACT_ALLOW' }],
    ...more,
  })
  assert.equal(answers(profile({}))(call('rmdir')), 'ERRNO(38)')
  assert.equal(answers(profile({}))(call('write')), 'ERRNO(1)')
  assert.equal(answers(profile({ defaultErrnoRet: 5 }))(call('rmdir')), 'ERRNO(5)')
  assert.equal(answers(profile({ defaultAction: 'SCMP_ACT_KILL' }))(call('rmdir')), 'KILL_THREAD')
})

test('ociSeccomp() tells that 32-bit programs of arm64 are killed', () => {
  const seccomp = { defaultAction: 'SCMP_ACT_ALLOW', architectures: ['SCMP_ARCH_AARCH64', 'SCMP_ARCH_ARM'] }
  assert.equal(ociSeccomp(seccomp, 'arm64').warnings.length, 1)
  assert.equal(answers(seccomp, 'arm64')({ arch: ARM64, nr: SYSCALLS_ARM64.read }), 'ALLOW')
  assert.equal(answers(seccomp, 'arm64')({ arch: 0x40000028, nr: 3 }), 'KILL_PROCESS')
})

test('ociSeccomp() hands a listener over by a call that the filter lets through, and refuses a profile that has none', () => {
  const notify = { names: ['mount'], action: 'SCMP_ACT_NOTIFY' }
  const refuse = (...names: string[]) => ({ names, action: 'SCMP_ACT_ERRNO' })
  const of = (...rules: (typeof notify)[]) =>
    ociSeccomp({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: [notify, ...rules] }, 'x64')
  assert.deepEqual([of().notify, of().handOver, of().closes], [true, 'sendmsg', true])
  assert.deepEqual(of().flags, ['SECCOMP_FILTER_FLAG_NEW_LISTENER'])
  assert.equal(of(refuse('sendmsg', 'close')).handOver, 'sendmmsg')
  assert.equal(of(refuse('sendmsg', 'close')).closes, false)
  assert.throws(() => of(refuse('sendmsg', 'sendmmsg')), { field: '/linux/seccomp/syscalls' })
})

test('ociSeccomp() refuses a profile that the kernel would not load', () => {
  const rules = Array.from({ length: 3000 }, (_, value) => ({
    names: ['personality'],
    action: 'SCMP_ACT_ERRNO',
    args: [{ index: 0, value, op: 'SCMP_CMP_EQ' }],
  }))
  assert.throws(() => ociSeccomp({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: rules }, 'x64'), /more than the 4096/)
})

test('ociSeccomp() decides every number as its rules say, however far apart code and targets are', () => {
  const names = Object.keys(SYSCALLS_X64)
  const few = names.filter((_, i) => i % 2 === 0)
  const tested = names.filter((_, i) => i % 7 === 1)
  const actions = Array.from({ length: 40 }, (_, i) => i + 2)
  const decide = answers({
    defaultAction: 'SCMP_ACT_ALLOW',
    architectures: ALL,
    syscalls: [
      ...few.map((name, i) => ({ names: [name], action: 'SCMP_ACT_ERRNO', errnoRet: actions[i % 40] as number })),
      ...tested.map((name, i) => ({
        names: [name],
        action: 'SCMP_ACT_ERRNO',
        errnoRet: 100 + i,
        args: [{ index: 2, value: 0x1_0000_0000 + i, op: 'SCMP_CMP_GE' }],
      })),
    ],
  })
  for (const [i, name] of names.entries()) {
    const nr = (SYSCALLS_X64 as Readonly<Record<string, number>>)[name] as number
    const simple = few.indexOf(name)
    const at = tested.indexOf(name)
    const passing = simple >= 0 ? `ERRNO(${actions[simple % 40]})` : at >= 0 ? `ERRNO(${100 + at})` : 'ALLOW'
    const failing = simple >= 0 ? passing : 'ALLOW'
    assert.equal(decide({ arch: X64, nr, args: [0n, 0n, 0x2_0000_0000n] }), passing, `${i} ${name}`)
    assert.equal(decide({ arch: X64, nr, args: [0n, 0n, 0xffff_ffffn] }), failing, `${i} ${name}`)
  }
})
