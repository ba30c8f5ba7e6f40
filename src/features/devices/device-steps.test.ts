import assert from 'node:assert/strict'
import { test } from 'node:test'
import { program } from '../../program/builder.ts'
import { OCI_DEFAULT_DEVICE_RULES } from './default-rules.ts'
import { deviceRefusal, deviceSteps, requireDeviceFilter } from './device-steps.ts'
import type { DeviceRule } from './device-rule.ts'

const RULES: readonly DeviceRule[] = [{ allow: false }]

/** The commands of bpf(2) in a program, with the descriptors that it closes. */
function commands(
  rules: readonly DeviceRule[],
  replace?: { readonly id: number; readonly atOnce: boolean },
): readonly string[] {
  const p = program()
  deviceSteps(p, 7, rules, replace)
  return p.steps.map((step) => `${step.name} ${/^\w+/.exec(step.printArgs())?.[0]}`)
}

test('X19: deviceSteps() detaches the old filter only when the new one is there, and leaves no descriptor', () => {
  const [load, attach, open, detach] = ['LOAD', 'ATTACH', 'GET_FD_BY_ID', 'DETACH'].map(
    (name) => `bpf BPF_PROG_${name}`,
  )
  assert.deepEqual(commands([]), [])
  assert.deepEqual(commands(RULES), [load, attach, 'close r0'])
  assert.deepEqual(commands(RULES, { id: 5, atOnce: true }), [load, open, attach, 'close r0', 'close r1'])
  assert.deepEqual(commands(RULES, { id: 5, atOnce: false }), [load, open, attach, detach, 'close r0', 'close r1'])
  assert.deepEqual(commands([], { id: 5, atOnce: true }), [open, detach, 'close r0'])
})

test('X19: a host without device filters is refused by name, with what a rootless sandbox has instead', () => {
  const fact = { ok: false, reason: 'device rules need CAP_BPF', remedy: 'run as root' } as const
  requireDeviceFilter(fact, [])
  requireDeviceFilter({ ok: true }, OCI_DEFAULT_DEVICE_RULES)
  assert.throws(() => requireDeviceFilter(fact, RULES, 'resources.devices'), {
    name: 'UnsupportedError',
    fact: 'cgroups.deviceRules',
    message:
      /^"resources\.devices" cannot be enforced: device rules need CAP_BPF: run as root; or leave out "devices".*nodev/,
  })
})

test('X19: deviceRefusal() says what the verifier says, and leaves other failures alone', () => {
  const failure = { call: 'bpf', args: 'BPF_PROG_LOAD, {…}', errno: 'EACCES', step: 1, steps: 3 }
  const log = '0: (95) exit\nR0 !read_ok\nprocessed 1 insns (limit 1000000)\n'
  assert.match(
    deviceRefusal(failure, log)?.message ?? '',
    /BPF_PROG_LOAD: EACCES\): the verifier says: .*R0 !read_ok: leave out/,
  )
  assert.match(
    deviceRefusal({ ...failure, args: 'BPF_PROG_ATTACH, {}', errno: 'E2BIG' })?.message ?? '',
    /64 filters already/,
  )
  assert.equal(deviceRefusal({ ...failure, call: 'openat' }), undefined)
})
