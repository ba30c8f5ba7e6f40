import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { copyFileSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { cProgram } from '../support/c-program.ts'
import { bundle, type Changes, container, RUNTIME, stateRoot, undoAfterTest, oci, run, useOci } from '../support/oci.ts'
import { namespaceOf, statusField } from '../support/proc.ts'
import { execStaying, withAttacker } from './outside.ts'

useOci()

const NONE = '0'.repeat(16)
const GIVEN = '0000000020000420'
const SECCOMP = {
  defaultAction: 'SCMP_ACT_ALLOW',
  syscalls: [{ names: ['kexec_load', 'bpf'], action: 'SCMP_ACT_ERRNO' }],
}

// CVE-2022-29162, CVE-2022-27650: inheritable capabilities come back with the file capabilities of any program.
test('nothing is inheritable or ambient, for the first process and those added', () => {
  const one = container()
  for (const pid of [one.pid, execStaying(one), execStaying(one, ['--user', '1000:1000'])]) {
    assert.equal(statusField(pid, 'CapInh'), NONE)
    assert.equal(statusField(pid, 'CapAmb'), NONE)
    assert.equal(statusField(pid, 'CapBnd'), GIVEN)
  }
})

test('an added process has no capability that the container has not', () => {
  const one = container()
  const pid = execStaying(one)
  for (const set of ['CapPrm', 'CapEff', 'CapBnd']) assert.equal(statusField(pid, set), GIVEN, set)
  const user = execStaying(one, ['--user', '1000:1000'])
  for (const set of ['CapPrm', 'CapEff']) assert.equal(statusField(user, set), NONE, set)
})

test('an added process has the filter and no_new_privs of the container', () => {
  const one = container({ linux: { seccomp: SECCOMP } })
  for (const pid of [one.pid, execStaying(one)]) {
    assert.equal(statusField(pid, 'NoNewPrivs'), '1')
    assert.equal(statusField(pid, 'Seccomp'), '2')
    assert.equal(statusField(pid, 'Seccomp_filters'), statusField(one.pid, 'Seccomp_filters'))
  }
})

test('an added process is in every namespace and group of the container', () => {
  const one = container()
  const pid = execStaying(one)
  for (const name of ['mnt', 'pid', 'net', 'ipc', 'uts', 'user', 'cgroup', 'time'])
    assert.equal(namespaceOf(pid, name), namespaceOf(one.pid, name), name)
  assert.equal(readFileSync(`/proc/${pid}/cgroup`, 'utf8'), readFileSync(`/proc/${one.pid}/cgroup`, 'utf8'))
  assert.equal(readFileSync(`/proc/${pid}/mountinfo`, 'utf8'), readFileSync(`/proc/${one.pid}/mountinfo`, 'utf8'))
})

test('no group of the runtime is left', () => {
  const one = container({ process: { user: { uid: 1000, gid: 1000 } } })
  for (const pid of [one.pid, execStaying(one)]) {
    assert.deepEqual(
      statusField(pid, 'Groups')
        .split(' ')
        .filter((each) => each !== '' && each !== '1000'),
      [],
    )
    assert.equal(statusField(pid, 'Uid'), '1000\t1000\t1000\t1000')
  }
})

test('user strings that are none are not the superuser', () => {
  const one = container({ process: { user: { uid: 1000, gid: 1000 } } })
  const users = [
    '1000x',
    ' 0',
    '0x0',
    '00x',
    '-1',
    '+0',
    ':',
    ':0',
    '0:',
    '1e3',
    '4294967296',
    '4294967295',
    '0:0:0',
    '0,0',
    'root\n',
    '1000:-1',
    '١',
  ]
  for (const user of users) {
    const outcome = one.exec(['/bin/sh', '-c', 'id -u; id -g'], ['--user', user])
    assert.ok(outcome.status !== 0 || !/^0$/m.test(outcome.stdout), `${JSON.stringify(user)} is ${outcome.stdout}`)
  }
})

/** The command of a container that has a terminal of the host as stdin, run under one. */
function underTerminal(changes: Changes): string {
  const made = bundle(changes, { prepare: withAttacker })
  const id = made.cgroup.slice(1)
  undoAfterTest(() => void oci(['delete', '--force', id]))
  const words = [...RUNTIME.command, '--root', stateRoot(), 'run', '--bundle', made.path, id]
  const command = words.map((word) => `'${word.replaceAll("'", "'\\''")}'`).join(' ')
  return spawnSync('script', ['-qec', command, '/dev/null'], { encoding: 'utf8', timeout: 10_000, input: '' }).stdout
}

// CVE-2017-5226: what is pushed into the terminal of the caller, its shell executes.
test('a container does not get the terminal of its caller as its own', () => {
  const shown = underTerminal({
    process: { args: ['/bin/sh', '-c', 'cut -d " " -f 6,7 /proc/self/stat; tty; /bin/attacker terminal'] },
  })
  const [stat = '', , results = ''] = shown.trim().split(/\r?\n/)
  assert.match(stat, /^\d+ 0$/, shown)
  assert.equal(results, '-1 -1 -1 -1', shown)
})

test('the session key ring is not that of the runtime', () => {
  // keyctl(2): KEYCTL_GET_KEYRING_ID of KEY_SPEC_SESSION_KEYRING, made when there is none.
  const words = ['call', process.arch === 'x64' ? '250' : '219', '0', '-3', '1']
  const probe = cProgram('test/oci/conformance/probe.c')
  const prepare = (root: string): void => copyFileSync(probe, `${root}/bin/probe`)
  const own = Number(execFileSync(probe, words, { encoding: 'utf8' }))
  const one = Number(run({ process: { args: ['/bin/probe', ...words] } }, { prepare }).stdout)
  assert.ok(one > 0)
  assert.notEqual(one, own)
})
