import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { bundle, type Changes, oci, removeGroup, undoAfterTest, uniqueName, useOci } from '../support/oci.ts'
import { usualMounts } from '../support/oci-bundle.ts'
import { Outside, refuses } from './outside.ts'

useOci()

const mount = (more: Changes): Changes => ({
  mounts: [...usualMounts(), { destination: '/m', type: 'tmpfs', source: 'tmpfs', ...more }],
})

/** A NUL ends a text for the kernel, not for who has checked it (CVE-2021-43860). */
const WITH_NUL: Readonly<Record<string, Changes>> = {
  args: { process: { args: ['/bin/sh\u0000/evil'] } },
  environment: { process: { env: ['A=1\u0000B=2'] } },
  cwd: { process: { cwd: '/\u0000/evil' } },
  hostname: { hostname: 'a\u0000b' },
  root: { root: { path: 'rootfs\u0000/evil' } },
  destination: mount({ destination: '/m\u0000/evil' }),
  source: mount({ source: '/tmp\u0000/evil', options: ['bind'] }),
  option: mount({ options: ['size=4k\u0000,uid=0'] }),
  masked: { linux: { maskedPaths: ['/proc/kcore\u0000x'] } },
  cgroup: { linux: { cgroupsPath: '/carrel\u0000/evil' } },
  hook: { hooks: { createRuntime: [{ path: '/bin/true\u0000/evil' }] } },
  namespace: { linux: { namespaces: [{ type: 'mount' }, { type: 'network', path: '/proc/self/ns/net\u0000x' }] } },
  sysctl: { linux: { sysctl: { 'net.ipv4.ip_forward\u0000x': '1' } } },
}

test('a NUL is refused wherever it is', () => {
  for (const [where, changes] of Object.entries(WITH_NUL)) {
    const reason = refuses(changes)
    assert.notEqual(reason, '', where)
  }
})

test('groups outside of the hierarchy are refused, or inside of it', () => {
  const outside = new Outside()
  // Each ends in a name of its own: whatever is made of `..`, no group of others is meant.
  const name = uniqueName()
  for (const cgroupsPath of [
    `/../../../${name}`,
    `../../${name}`,
    `/../..${outside.path}/${name}`,
    `/${name}/../../../${name}`,
  ]) {
    const made = bundle({ process: { args: ['/bin/true'] }, linux: { cgroupsPath } })
    oci(['run', '--bundle', made.path, uniqueName()], { timeoutMs: 15_000 })
  }
  outside.assertUntouched('cgroupsPath')
  undoAfterTest(() => removeGroup(`/${name}`))
})

/** The runtime says that it does not want this; it neither hangs, nor is killed, nor shows its inside. */
function refusesText(text: string): void {
  const made = bundle()
  writeFileSync(join(made.path, 'config.json'), text)
  const outcome = oci(['create', '--bundle', made.path, made.cgroup.slice(1)], { timeoutMs: 15_000 })
  assert.ok(outcome.status !== null && outcome.status > 0, `${outcome.status} ${outcome.signal}`)
  assert.notEqual(outcome.stderr, '')
  assert.ok(outcome.stderr.length < 5000)
  assert.doesNotMatch(outcome.stderr, /^\s+at .*:\d+:\d+\)?$|RangeError|TypeError|SIGSEGV|panic/m)
}

test('files that are no configuration are refused', () => {
  const texts = [
    '',
    '{',
    'null',
    '[]',
    '"text"',
    '1',
    '{}',
    '['.repeat(200_000),
    '{"a":'.repeat(100_000),
    `{"ociVersion":"1.0.2"${' '.repeat(100)}`,
    '\ufeff{',
    '\u0000',
    '{"ociVersion":"1.0.2","process":null,"root":null}',
  ]
  for (const text of texts) refusesText(text)
})

test('a name of JavaScript is a name like others', () => {
  const made = bundle()
  const { config } = made
  const text = JSON.stringify({ ...config, process: { ...(config['process'] as Changes), args: ['/bin/true'] } })
  const extra = '"__proto__":{"root":{"path":"/"}},"constructor":{"prototype":{}},"toString":1,'
  writeFileSync(join(made.path, 'config.json'), text.replace('{', `{${extra}`).replace('"annotations"', '"x"'))
  const outcome = oci(['run', '--bundle', made.path, made.cgroup.slice(1)])
  assert.equal(outcome.status, 0, outcome.stderr)
})

test('numbers that are none are refused', () => {
  for (const value of [1e300, -1e300, 1.5, NaN, '1', true]) {
    refuses({ process: { user: { uid: value } } })
    refuses({ linux: { resources: { pids: { limit: value } } } })
  }
})
