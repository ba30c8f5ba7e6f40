import assert from 'node:assert/strict'
import { test } from 'node:test'
import { program } from '../../program/builder.ts'
import { execProcess, joinSteps, parseUser } from './exec-process.ts'

test('parseUser() takes numbers and nothing that could be read as one (CVE-2026-30892)', () => {
  assert.deepEqual(parseUser('1000'), { uid: 1000 })
  assert.deepEqual(parseUser('0:4294967294'), { uid: 0, gid: 4294967294 })
  const wrong = [
    '',
    ':',
    '1:',
    ':1',
    '-1',
    '+1',
    ' 1',
    '1 ',
    '1:2:3',
    'root',
    '1e3',
    '0x10',
    '4294967295',
    '1:4294967295',
  ]
  for (const text of [...wrong, '99999999999', '1\n', '1:2\n', '１']) {
    assert.throws(() => parseUser(text), { code: 'E_INPUT', field: '/process/user' }, JSON.stringify(text))
  }
})

const container = {
  args: ['init'],
  env: ['A=1'],
  cwd: '/srv',
  terminal: true,
  consoleSize: { height: 1, width: 2 },
  user: { uid: 5, gid: 6, umask: 0o27, additionalGids: [7] },
  capabilities: { bounding: ['CAP_KILL'], effective: ['CAP_KILL'], ambient: ['CAP_KILL'] },
  noNewPrivileges: true,
  apparmorProfile: 'p',
  selinuxLabel: 'l',
  oomScoreAdj: 3,
}

test('execProcess() is the container’s process but for its program and its terminal', () => {
  const { args, terminal, consoleSize, ...rest } = container
  assert.deepEqual([args, terminal, consoleSize.height], [['init'], true, 1])
  assert.deepEqual(execProcess(container, { args: ['x'] }), { ...rest, args: ['x'], terminal: false })
})

test('execProcess() ignores no option', () => {
  const made = execProcess(container, {
    args: ['x'],
    cwd: '/',
    env: ['B=2'],
    user: '1000:1001',
    tty: true,
    capabilities: ['CAP_CHOWN', 'net_raw'],
    noNewPrivileges: false,
    additionalGids: [9],
    apparmor: 'q',
    label: 'm',
  })
  assert.deepEqual([made.cwd, made.env, made.terminal, made.noNewPrivileges], ['/', ['A=1', 'B=2'], true, false])
  assert.deepEqual(made.user, { uid: 1000, gid: 1001, umask: 0o27, additionalGids: [9] })
  assert.deepEqual([made.apparmorProfile, made.selinuxLabel, made.oomScoreAdj], ['q', 'm', 3])
  assert.deepEqual(made.capabilities, {
    bounding: ['CAP_KILL', 'CAP_CHOWN', 'CAP_NET_RAW'],
    effective: ['CAP_KILL', 'CAP_CHOWN', 'CAP_NET_RAW'],
    permitted: ['CAP_CHOWN', 'CAP_NET_RAW'],
    ambient: ['CAP_KILL'],
  })
})

test('execProcess() adds groups to those of the container when no other user is named', () => {
  assert.deepEqual(execProcess(container, { args: ['x'], additionalGids: [7, 9] }).user?.additionalGids, [7, 9])
})

test('joinSteps() makes the process opaque before it enters namespaces, all in one call (CVE-2016-9962)', () => {
  const p = program({ arch: 'x64' })
  joinSteps(p, p.attached(0), ['user', 'mount', 'time'])
  const lines = p.steps.map((step) => `${step.name}(${step.printArgs()})`)
  assert.match(lines[0] as string, /PR_SET_DUMPABLE, 0/)
  assert.equal(lines[1], 'setns(attached0, CLONE_NEWNS|CLONE_NEWUSER|CLONE_NEWTIME)')
  assert.equal(lines.length, 2)
})
