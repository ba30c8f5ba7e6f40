import assert from 'node:assert/strict'
import { copyFileSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { ConsoleSocket } from '../../support/console-socket.ts'
import { cProgram } from '../../support/c-program.ts'
import {
  type Changes,
  container,
  created,
  ociOk,
  run,
  type Outcome,
  script,
  tryCreate,
  useOci,
} from '../../support/oci.ts'
import { descriptorsOf, statusField } from '../../support/proc.ts'
import { fails, refused } from './expect.ts'

useOci()

const CAPABILITIES = ['CAP_CHOWN', 'CAP_KILL', 'CAP_NET_RAW']

/** Bits of a capability set, as /proc/PID/status writes them. */
const bits = (...numbers: readonly number[]): string =>
  numbers
    .reduce((all, number) => all | (1n << BigInt(number)), 0n)
    .toString(16)
    .padStart(16, '0')

test('OCI-X01: three descriptors are open', () => {
  const one = container()
  assert.deepEqual(
    [...descriptorsOf(one.pid).keys()].sort((a, b) => a - b),
    [0, 1, 2],
  )
})

test('OCI-X02: links of /dev to the descriptors', () => {
  const outcome = run({ process: script('for each in fd stdin stdout stderr; do readlink /dev/$each; done') })
  assert.equal(outcome.stdout, '/proc/self/fd\n/proc/self/fd/0\n/proc/self/fd/1\n/proc/self/fd/2\n', outcome.stderr)
})

test('OCI-C24, OCI-L16: terminal is the standard streams and /dev/console, with its size', async () => {
  const socket = await ConsoleSocket.listen()
  const text =
    'tty; stty size; for n in 0 1 2; do readlink /proc/$$/fd/$n; done; stat -c %t:%T /dev/console; read -r line; echo got $line'
  const process = { terminal: true, consoleSize: { height: 11, width: 44 }, ...script(text) }
  const one = container({ process }, { words: ['--console-socket', socket.path] })
  await socket.shows(/88:0/)
  socket.write('typed\n')
  const shown = await socket.shows(/got typed/)
  assert.match(shown, /^\/dev\/pts\/0\r\n11 44\r\n(\/dev\/pts\/0\r\n){3}88:0\r\n/)
  await one.ended()
})

test('OCI-C23: consoleSize is ignored without a terminal', () => {
  assert.equal(
    run({ process: { consoleSize: { height: 5, width: 6 }, ...script('test -t 0 || echo none') } }).stdout,
    'none\n',
  )
})

test('OCI-C25: the program starts in cwd', () => {
  assert.equal(run({ process: { cwd: '/var', ...script('pwd') } }).stdout, '/var\n')
})

test('OCI-C25: a relative or empty cwd is refused', () => {
  refused({ process: { cwd: 'tmp' } })
  refused({ process: { cwd: '' } })
})

test('OCI-C26: the environment is env alone', () => {
  const env = ['PATH=/bin', 'A=1', 'EMPTY=', 'EQUALS=a=b', 'SPACE=a b', 'HOME=/somewhere']
  const process = { env, args: ['/bin/env'] }
  const outcome = run({ process }, { env: { PATH: '/usr/sbin:/usr/bin:/sbin:/bin', LEAK: 'from the runtime' } })
  assert.deepEqual(outcome.stdout.trimEnd().split('\n').sort(), [...env].sort())
})

test('OCI-C27: args is looked up in PATH of env, or is a path', () => {
  const prints = (args: readonly string[], env = ['PATH=/none:/bin']): string =>
    run({ process: { args, env, cwd: '/bin' } }).stdout
  assert.equal(prints(['echo', 'a', '', 'b c']), 'a  b c\n')
  assert.equal(prints(['/bin/echo', 'x']), 'x\n')
  assert.equal(prints(['./echo', 'y']), 'y\n')
})

test('OCI-C27: no args, an empty one, and one that is not found are errors', () => {
  refused({ process: { args: [] } })
  for (const args of [['no-such-program'], ['/no/such'], ['/etc/passwd'], ['/bin']]) {
    const outcome = run({ process: { args } })
    assert.notEqual(outcome.status, 0, args[0])
    assert.notEqual(outcome.stderr, '')
  }
})

test('OCI-C28, OCI-C30: rlimits that there are not, or twice, are refused', () => {
  const limit = (type: string): Changes => ({ type, soft: 10, hard: 20 })
  refused({ process: { rlimits: [limit('RLIMIT_NOSUCH')] } })
  refused({ process: { rlimits: [limit('RLIMIT_NOFILE'), limit('RLIMIT_CORE'), limit('RLIMIT_NOFILE')] } })
})

test('OCI-C29: limits are the configured ones', () => {
  const types = {
    CPU: 'Max cpu time',
    CORE: 'Max core file size',
    NOFILE: 'Max open files',
    MEMLOCK: 'Max locked memory',
    STACK: 'Max stack size',
  }
  const rlimits = Object.keys(types).map((name, at) => ({ type: `RLIMIT_${name}`, soft: 4096 + at, hard: 8192 + at }))
  const one = container({ process: { rlimits } })
  const limits = readFileSync(`/proc/${one.pid}/limits`, 'utf8')
  for (const [at, title] of Object.values(types).entries()) {
    assert.match(limits, new RegExp(`^${title} +${4096 + at} +${8192 + at} `, 'm'))
  }
})

test('OCI-C33: the capability sets', () => {
  const [chown, kill, raw] = [0, 5, 13]
  const sets = {
    bounding: CAPABILITIES,
    permitted: CAPABILITIES,
    effective: ['CAP_KILL'],
    inheritable: ['CAP_KILL', 'CAP_NET_RAW'],
    ambient: ['CAP_NET_RAW'],
  }
  const one = container({ process: { capabilities: sets, user: { uid: 1000, gid: 1000 } } })
  assert.equal(statusField(one.pid, 'CapBnd'), bits(chown, kill, raw))
  assert.equal(statusField(one.pid, 'CapInh'), bits(kill, raw))
  assert.equal(statusField(one.pid, 'CapAmb'), bits(raw))
  // capabilities(7): execve by an ordinary user leaves the ambient ones.
  assert.equal(statusField(one.pid, 'CapPrm'), bits(raw))
  assert.equal(statusField(one.pid, 'CapEff'), bits(raw))
})

test('OCI-C33: a superuser has what bounding and permitted say, and none without capabilities', () => {
  const capabilities = { bounding: CAPABILITIES, permitted: CAPABILITIES, effective: CAPABILITIES }
  const one = container({ process: { capabilities: { ...capabilities, inheritable: undefined } } })
  for (const set of ['CapBnd', 'CapPrm', 'CapEff']) assert.equal(statusField(one.pid, set), bits(0, 5, 13), set)
  assert.equal(statusField(one.pid, 'CapInh'), bits())
  const none = container({ process: { capabilities: { bounding: [], permitted: [], effective: [] } } })
  for (const set of ['CapBnd', 'CapPrm', 'CapEff']) assert.equal(statusField(none.pid, set), bits(), set)
})

test('OCI-C31, OCI-C32: a capability that there is not is a warning', () => {
  warned('CAP_NO_SUCH')
})

test('OCI-C31, OCI-C32: a capability that the runtime itself does not have is a warning', () => {
  const own = BigInt(`0x${statusField('self', 'CapBnd')}`)
  const resource = own & (1n << 24n) ? 'CAP_NO_SUCH_EITHER' : 'CAP_SYS_RESOURCE'
  warned(resource)
})

function warned(name: string): void {
  const names = [...CAPABILITIES, name]
  const one = tryCreate({ process: { capabilities: { bounding: names, permitted: names, effective: names } } })
  assert.equal(one.made.status, 0, one.made.stderr)
  assert.match(one.made.stderr, new RegExp(name))
  assert.equal(statusField(one.pid, 'CapBnd'), bits(0, 5, 13))
}

test('OCI-C34: noNewPrivileges', () => {
  const flag = (noNewPrivileges: boolean | undefined): string =>
    statusField(container({ process: { noNewPrivileges } }).pid, 'NoNewPrivs')
  assert.deepEqual([true, false, undefined].map(flag), ['1', '0', '0'])
})

test('OCI-C35, OCI-C36: oom_score_adj is what is asked for, and else that of the runtime', () => {
  const score = (pid: number | 'self'): string => readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8')
  assert.equal(score(container({ process: { oomScoreAdj: 123 } }).pid), '123\n')
  assert.equal(score(container().pid), score('self'))
})

test('OCI-C37: scheduler', () => {
  const seen = (scheduler: Changes): readonly string[] => {
    const { pid } = container({ process: { scheduler } })
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ')
    // proc_pid_stat(5): nice is field 19, policy field 41; the state is the third.
    return [fields[38] ?? '', fields[16] ?? '']
  }
  assert.deepEqual(seen({ policy: 'SCHED_BATCH', nice: 7 }), ['3', '7'])
  assert.deepEqual(seen({ policy: 'SCHED_IDLE' }), ['5', '0'])
  assert.deepEqual(seen({ policy: 'SCHED_OTHER', nice: 3 }), ['0', '3'])
})

test('OCI-C63: a scheduler that there is not is refused', () => {
  refused({ process: { scheduler: { policy: 'SCHED_NOSUCH' } } })
  refused({ process: { scheduler: { policy: 'SCHED_OTHER', flags: ['SCHED_FLAG_NOSUCH'] } } })
})

test('OCI-C38: ioPriority', () => {
  const shown = (ioPriority: Changes): string => run({ process: { ioPriority, args: ['/bin/ionice'] } }).stdout.trim()
  assert.equal(shown({ class: 'IOPRIO_CLASS_BE', priority: 6 }), 'best-effort: prio 6')
  assert.equal(shown({ class: 'IOPRIO_CLASS_IDLE', priority: 0 }), 'idle')
  refused({ process: { ioPriority: { class: 'IOPRIO_CLASS_NOSUCH', priority: 1 } } })
})

test('OCI-C39: execCPUAffinity is of processes that are added', () => {
  const one = container({ process: { execCPUAffinity: { initial: '0', final: '1' } } })
  assert.equal(statusField(one.pid, 'Cpus_allowed_list'), statusField('self', 'Cpus_allowed_list'))
  const shown = one.exec(['/bin/grep', 'Cpus_allowed_list', '/proc/self/status'])
  assert.match(shown.stdout, /:\s+1$/m, shown.stderr)
})

test('OCI-C40: an AppArmor profile is refused where there is no AppArmor', () => {
  refusedAtLast({ process: { apparmorProfile: 'no-such-profile' } })
})

test('OCI-C41: an SELinux label is refused where there is no SELinux', () => {
  refusedAtLast({ process: { selinuxLabel: 'system_u:system_r:container_t:s0' } })
})

/** A label is applied by the process itself, which may be as late as its start. */
function refusedAtLast(changes: Changes): void {
  const one = tryCreate(changes)
  if (one.made.status === 0) fails(['start', one.id])
}

test('OCI-C42: uid, gid, further groups and umask', () => {
  const user = { uid: 1001, gid: 1002, additionalGids: [7, 3000], umask: 0o27 }
  const one = container({ process: { user } })
  assert.equal(statusField(one.pid, 'Uid'), '1001\t1001\t1001\t1001')
  assert.equal(statusField(one.pid, 'Gid'), '1002\t1002\t1002\t1002')
  assert.deepEqual(
    statusField(one.pid, 'Groups')
      .split(' ')
      .filter((each) => each !== '1002')
      .sort(),
    ['3000', '7'],
  )
  assert.equal(statusField(one.pid, 'Umask'), '0027')
})

test('OCI-C43: hostname', () => {
  assert.equal(run({ hostname: 'own-name', process: script('hostname') }).stdout, 'own-name\n')
})

test('OCI-C43, OCI-C44: empty names are none', () => {
  const names = ['/proc/sys/kernel/hostname', '/proc/sys/kernel/domainname']
  const outcome = run({ hostname: '', domainname: '', process: { args: ['/bin/cat', ...names] } })
  assert.equal(outcome.stdout, names.map((name) => readFileSync(name, 'utf8')).join(''), outcome.stderr)
})

test('OCI-C44: domainname', () => {
  assert.equal(
    run({ domainname: 'own.domain', process: { args: ['/bin/cat', '/proc/sys/kernel/domainname'] } }).stdout,
    'own.domain\n',
  )
})

test('OCI-L50: personality', () => {
  const shown = (domain: string): string =>
    run({ process: { args: ['/bin/uname', '-m'] }, linux: { personality: { domain } } }).stdout
  assert.match(shown('LINUX32'), /^i[3-6]86\n$/)
  assert.doesNotMatch(shown('LINUX'), /^i[3-6]86\n$/)
})

test('OCI-L51: another domain, or a flag, is refused', () => {
  refused({ linux: { personality: { domain: 'BSD' } } })
  refused({ linux: { personality: { domain: 'LINUX', flags: ['ADDR_NO_RANDOMIZE'] } } })
})

test('OCI-L52: memoryPolicy', () => {
  const shown = (memoryPolicy: Changes): string => runProbe(['policy'], { linux: { memoryPolicy } }).stdout
  assert.equal(shown({ mode: 'MPOL_BIND', nodes: '0', flags: ['MPOL_F_STATIC_NODES'] }), '32770 0\n')
  assert.equal(shown({ mode: 'MPOL_PREFERRED', nodes: '0' }), '1 0\n')
})

test('OCI-L53: a memory policy that there is not is refused', () => {
  refused({ linux: { memoryPolicy: { mode: 'MPOL_NOSUCH', nodes: '0' } } })
  refused({ linux: { memoryPolicy: { mode: 'MPOL_BIND', nodes: '0', flags: ['MPOL_F_NOSUCH'] } } })
  refused({ linux: { memoryPolicy: { mode: 'MPOL_BIND', nodes: 'zero' } } })
})

/** Runs the probe of this folder in a container. */
function runProbe(words: readonly string[], changes: Changes): Outcome {
  const prepare = (root: string): void => copyFileSync(cProgram('test/oci/conformance/probe.c'), `${root}/bin/probe`)
  return run({ ...changes, process: { args: ['/bin/probe', ...words] } }, { prepare })
}

test('OCI-F01: features', () => {
  const features = JSON.parse(ociOk(['features']).stdout) as Record<string, unknown>
  for (const key of ['ociVersionMin', 'ociVersionMax', 'hooks', 'mountOptions', 'linux']) assert.ok(features[key], key)
  assert.deepEqual((features['hooks'] as string[]).length, 6)
})

test('OCI-R20: the program is executed once, by start', async () => {
  const one = created({ process: script('echo $$') })
  one.start()
  assert.equal(await one.ended(), '1\n')
})
