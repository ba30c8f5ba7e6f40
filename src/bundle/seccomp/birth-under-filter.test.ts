import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Seccomp } from '../spec.ts'
import { letsBearChildren } from './birth-under-filter.ts'
import { ociSeccomp } from './oci-seccomp.ts'

const bears = (seccomp: Seccomp, arch: 'x64' | 'arm64' = 'x64'): boolean =>
  letsBearChildren(ociSeccomp(seccomp, arch).filter, arch)

/** As engines' profiles are: no clone3(2), and a clone(2) that makes no namespaces. */
const engines = (errnoRet: number): Seccomp => ({
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls: [
    { names: ['clone3'], action: 'SCMP_ACT_ERRNO', errnoRet },
    {
      names: ['clone'],
      action: 'SCMP_ACT_ERRNO',
      args: [{ index: 0, value: 0x10000000, valueTwo: 0x10000000, op: 'SCMP_CMP_MASKED_EQ' }],
    },
  ],
})

test('letsBearChildren() says yes where a child can be made, by the older call too, and become a program', () => {
  assert.equal(bears({ defaultAction: 'SCMP_ACT_ALLOW' }), true)
  assert.equal(bears(engines(38)), true)
  assert.equal(bears(engines(38), 'arm64'), true)
  // With another error no older call is tried.
  assert.equal(bears(engines(1)), false)
})

test('letsBearChildren() says no where one call on the way is refused or told to somebody', () => {
  assert.equal(
    bears({ defaultAction: 'SCMP_ACT_ERRNO', syscalls: [{ names: ['execve'], action: 'SCMP_ACT_ALLOW' }] }),
    false,
  )
  for (const action of ['SCMP_ACT_ERRNO', 'SCMP_ACT_KILL_PROCESS', 'SCMP_ACT_TRAP']) {
    for (const name of ['recvmsg', 'setsid', 'execve', 'clone3']) {
      const rules = [{ names: [name], action }]
      assert.equal(bears({ defaultAction: 'SCMP_ACT_ALLOW', syscalls: rules }), false, `${action} ${name}`)
    }
  }
})
