import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exampleText, refusal } from './example-config.ts'
import { parseConfig } from './parse-config.ts'

const rule = (changes: object): object => ({
  defaultAction: 'SCMP_ACT_ERRNO',
  syscalls: [{ names: ['read'], action: 'SCMP_ACT_ALLOW', ...changes }],
})
const argument = (changes: object): object => rule({ args: [{ index: 0, value: 1, op: 'SCMP_CMP_EQ', ...changes }] })

const WRONG: readonly (readonly [seccomp: unknown, message: RegExp])[] = [
  [{}, /^\/linux\/seccomp\/defaultAction is missing/],
  [
    { defaultAction: 'SCMP_ACT_ALOW' },
    /\/defaultAction must be one of .*, not "SCMP_ACT_ALOW": did you mean SCMP_ACT_ALLOW\?$/,
  ],
  [{ defaultAction: 'SCMP_ACT_NOTIFY', listenerPath: '/x' }, /\/defaultAction cannot be SCMP_ACT_NOTIFY/],
  [{ defaultAction: 'SCMP_ACT_ALLOW', defaultErrnoRet: 1 }, /\/defaultErrnoRet cannot be given with SCMP_ACT_ALLOW/],
  [
    { defaultAction: 'SCMP_ACT_ERRNO', defaultErrnoRet: 4096 },
    /\/defaultErrnoRet must be a whole number from 0 to 4095/,
  ],
  [
    { defaultAction: 'SCMP_ACT_ALLOW', flags: ['SECCOMP_FILTER_FLAG_NEW_LISTENER'] },
    /\/flags\/0 must be SECCOMP_FILTER_FLAG_TSYNC or/,
  ],
  [{ defaultAction: 'SCMP_ACT_ALLOW', architectures: ['x86'] }, /\/architectures\/0 must be one of/],
  [{ defaultAction: 'SCMP_ACT_ALLOW', listenerMetadata: 'x' }, /\/listenerMetadata needs listenerPath/],
  [{ defaultAction: 'SCMP_ACT_ALLOW', syscalls: {} }, /\/syscalls must be a list/],
  [rule({ names: undefined }), /\/syscalls\/0\/names is missing/],
  [rule({ names: [] }), /\/syscalls\/0\/names must have at least one entry/],
  [rule({ names: ['a', 0] }), /\/syscalls\/0\/names\/1 must be text/],
  [rule({ action: undefined }), /\/syscalls\/0\/action is missing/],
  [rule({ errnoRet: 1 }), /\/syscalls\/0\/errnoRet cannot be given with SCMP_ACT_ALLOW/],
  [rule({ action: 'SCMP_ACT_TRACE', errnoRet: 65536 }), /\/syscalls\/0\/errnoRet must be .* 65535/],
  [rule({ action: 'SCMP_ACT_NOTIFY' }), /\/listenerPath is missing: \/linux\/seccomp\/syscalls\/0 asks/],
  [{ ...rule({ action: 'SCMP_ACT_NOTIFY' }), listenerPath: 'x' }, /\/listenerPath must be an absolute path/],
  [argument({ index: 6 }), /\/syscalls\/0\/args\/0\/index must be .* 0 to 5, not 6$/],
  [argument({ op: 'EQ' }), /\/syscalls\/0\/args\/0\/op must be one of/],
  [argument({ value: undefined }), /\/syscalls\/0\/args\/0\/value is missing/],
  [
    argument({ value: -1 }),
    /\/syscalls\/0\/args\/0\/value must be .* 18446744073709551615, written with digits only, not -1$/,
  ],
  [argument({ valueTwo: 2n ** 64n }), /\/syscalls\/0\/args\/0\/valueTwo must be .*, not 18446744073709551616$/],
]

for (const [seccomp, message] of WRONG) {
  test(`parseConfig() refuses a seccomp profile: ${message.source}`, () => {
    assert.match(refusal(['/linux/seccomp', seccomp]), message)
  })
}

test('parseConfig() keeps operands of 64 bits exactly', () => {
  const value = 2n ** 64n - 2n
  const { config } = parseConfig(exampleText(['/linux/seccomp', argument({ value, valueTwo: 2n ** 53n + 1n })]))
  assert.deepEqual(config.linux?.seccomp?.syscalls?.[0]?.args, [
    { index: 0, value, op: 'SCMP_CMP_EQ', valueTwo: 2n ** 53n + 1n },
  ])
})

test('parseConfig() accepts all that a profile may have', () => {
  const seccomp = {
    ...rule({ action: 'SCMP_ACT_NOTIFY', args: [] }),
    defaultErrnoRet: 38,
    flags: ['SECCOMP_FILTER_FLAG_LOG', 'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV'],
    architectures: ['SCMP_ARCH_X86_64', 'SCMP_ARCH_RISCV64'],
    listenerPath: '/run/agent.sock',
    listenerMetadata: 'opaque',
  }
  assert.equal(refusal(['/linux/seccomp', seccomp]), 'accepted')
})
