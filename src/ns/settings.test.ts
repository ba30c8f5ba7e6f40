import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidInputError, UnsupportedError } from '../base/errors.ts'
import { CAPABILITY_NAMES } from '../features/capabilities/capabilities.ts'
import type { HostFacts } from '../host/facts.ts'
import { type NsOptions, parseNsOptions } from './settings.ts'

const yes = { ok: true } as const
const ROOT = {
  uid: 0,
  gid: 0,
  capabilities: CAPABILITY_NAMES,
  userNamespaces: yes,
  procMount: yes,
} as unknown as HostFacts
const USER = { ...ROOT, uid: 1000, gid: 100, capabilities: [] } as HostFacts

const parse = (more: Partial<NsOptions> = {}, facts = ROOT): ReturnType<typeof parseNsOptions> =>
  parseNsOptions({ pre: '-', root: '/srv/my root', init: '/init', ...more }, facts)

const K = 1024

test('N04, D-N10: sizes are bytes, or k, m, g and t in either case', () => {
  const rows = { '4096': 4096, '8192b': 8192, '64k': 64 * K, '64K': 64 * K, '3m': 3 * K ** 2, '3M': 3 * K ** 2 }
  const large = { '1g': K ** 3, '1G': K ** 3, '2t': 2 * K ** 4, '2T': 2 * K ** 4, '1GiB': K ** 3 }
  for (const [text, bytes] of Object.entries({ ...rows, ...large })) {
    assert.equal(parse({ memory: text }).memoryBytes, bytes, text)
  }
  assert.equal(parse().memoryBytes, null, 'no limit unless one is asked for')
})

test('D-N10: what is no size is refused with the rule', () => {
  for (const text of [
    '-5',
    '-5M',
    '',
    'M',
    '1.5G',
    '5x',
    '5MM',
    '0x10',
    '1e6',
    ' ',
    '0',
    '0M',
    '4095',
    '99999999999999999999',
  ]) {
    assert.throws(
      () => parse({ memory: text }),
      (error) =>
        error instanceof InvalidInputError && error.field === 'memory' && error.message.startsWith('memory must be '),
      JSON.stringify(text),
    )
  }
})

test('N08, D-N01: the environment is PATH and what was asked for', () => {
  const PATH = '/sbin:/bin:/usr/sbin:/usr/bin'
  assert.deepEqual(parse().env, { PATH })
  assert.deepEqual(parse({ network: true, env: { NAT: '1' } }).env, {
    PATH,
    CLONE_NEWNET: '1',
    CLONE_NETNS: '1',
    NAT: '1',
  })
  assert.deepEqual(parse({ user: true, ids: ['5', '6'] }).env, { PATH, CLONE_NEWUSER: '1', CLONE_USERNS: '1' })
})

test('N05: --user needs both ids, and they need it', () => {
  assert.deepEqual(parse({ user: true, ids: ['5', '6'] }).user, { uid: 5, gid: 6 })
  for (const ids of [[], ['5']]) assert.throws(() => parse({ user: true, ids }), /--user needs UID and GID after INIT/)
  assert.throws(() => parse({ ids: ['5', '6'] }), /UID and GID are given without --user/)
  for (const bad of ['root', '-1', '4294967295', '1.5', '']) {
    assert.throws(() => parse({ user: true, ids: ['5', bad] }), /GID must be a number from 0 to 4294967294/, bad)
  }
})

test('N05, D-N05: an ordinary user maps its own ids only, and needs a user namespace', () => {
  assert.deepEqual(parse({ user: true, ids: ['1000', '100'] }, USER).user, { uid: 1000, gid: 100 })
  assert.throws(() => parse({ user: true, ids: ['0', '100'] }, USER), /UID must be 1000, your own, not 0/)
  assert.throws(() => parse({ user: true, ids: ['1000', '0'] }, USER), /GID must be 100, your own, not 0/)
  assert.throws(
    () => parse({}, USER),
    (error) => error instanceof UnsupportedError && error.fact === 'CAP_SYS_ADMIN' && /give --user/.test(error.remedy),
  )
})

test('N15, N21: where user namespaces are switched off, the switch is named', () => {
  const why = {
    ok: false,
    reason: 'kernel.unprivileged_userns_clone is 0',
    remedy: 'sysctl -w kernel.unprivileged_userns_clone=1',
  }
  const facts = { ...USER, userNamespaces: why } as HostFacts
  assert.throws(
    () => parse({ user: true, ids: ['1000', '100'] }, facts),
    (error) => error instanceof UnsupportedError && error.remedy === why.remedy && error.message.includes(why.reason),
  )
})

test('D-N06: the host name is that of the root, as far as a host may have it', () => {
  assert.equal(parse().hostname, 'my-root')
  assert.equal(parse({ root: '/' }).hostname, 'ns')
  assert.equal(parse({ root: `/x/${'a'.repeat(70)}/` }).hostname.length, 64)
  assert.equal(parse({ hostname: 'web-1.example' }).hostname, 'web-1.example')
  for (const hostname of ['', '-x', 'a b', 'a'.repeat(65), 'é'])
    assert.throws(() => parse({ hostname }), /hostname must be/)
})

test('D-N07: capabilities are those by default, more by name, or all that there are', () => {
  const names = (more: Partial<NsOptions>, facts = ROOT): readonly string[] =>
    parse(more, facts)
      .capabilities.map((number) => (CAPABILITY_NAMES[number] ?? '').slice(4))
      .sort()
  const usual = [
    'AUDIT_WRITE',
    'CHOWN',
    'DAC_OVERRIDE',
    'FOWNER',
    'FSETID',
    'KILL',
    'NET_BIND_SERVICE',
    'SETFCAP',
    'SETGID',
  ]
  assert.deepEqual(names({}), [...usual, 'SETPCAP', 'SETUID', 'SYS_CHROOT'])
  assert.deepEqual(
    names({ network: true }).filter((name) => name.startsWith('NET')),
    ['NET_ADMIN', 'NET_BIND_SERVICE', 'NET_RAW'],
  )
  assert.ok(names({ cap: ['mknod', 'CAP_SYS_PTRACE'] }).includes('MKNOD'))
  assert.equal(names({ cap: ['all'] }).length, CAPABILITY_NAMES.length)
  assert.throws(() => parse({ cap: ['SYS_ADMN'] }), /SYS_ADMN/)
  const poor = { ...ROOT, capabilities: ['CAP_SYS_ADMIN', 'CAP_CHOWN'] } as HostFacts
  assert.deepEqual(names({}, poor), ['CHOWN'])
  assert.deepEqual(names({ cap: ['ALL'] }, poor), ['CHOWN', 'SYS_ADMIN'])
  assert.throws(() => parse({ cap: ['MKNOD'] }, poor), /cap asks for MKNOD, which this user has not/)
})

test('N14: PRE, ROOT and INIT are absolute paths, and PRE may be none', () => {
  assert.equal(parse({ pre: '' }).pre, null)
  for (const field of ['pre', 'root', 'init'] as const) {
    assert.throws(
      () => parse({ [field]: 'relative' }),
      new RegExp(`^InvalidInputError: ${field.toUpperCase()} must be an absolute path`),
    )
  }
  for (const [field, value] of Object.entries({ ipc: 'none', dev: 'host', seccomp: 'off' })) {
    assert.throws(() => parse({ [field]: value }), new RegExp(`${field} must be .* or .*, not "${value}"`))
  }
})
