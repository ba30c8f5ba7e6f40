import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SyscallError } from '../../base/errors.ts'
import { program } from '../../program/builder.ts'
import type { Linux, Process } from '../spec.ts'
import { grantedCapabilities } from './capability-sets.ts'
import { finalError, finalSteps, listenEnv } from './final-steps.ts'
import { homeIn } from './home.ts'
import { environment, readyError, type ReadyInput, readySteps, usesSecurityModule } from './ready-steps.ts'

const process: Process = { args: ['sh'], env: ['PATH=/bin', 'HOME=/'], cwd: '/' }

function lines(more: Partial<Process> = {}, input: Partial<ReadyInput> = {}): string[] {
  const p = program({ arch: 'x64' })
  readySteps(p, { id: 'x', process: { ...process, ...more }, proc: 4, ...input })
  return p.steps.map((step) => `${step.name}(${step.printArgs()})`)
}

const indexOf = (all: readonly string[], pattern: RegExp): number => {
  const at = all.findIndex((line) => pattern.test(line))
  assert.notEqual(at, -1, `${pattern} in ${all.join('\n')}`)
  return at
}

test('readySteps() drops the bounding set and keeps capabilities before the user changes, and sets the others after it', () => {
  const all = lines({ user: { uid: 1, gid: 2 }, noNewPrivileges: true })
  const order = [
    /PR_CAPBSET_DROP, CAP_CHOWN/,
    /PR_SET_KEEPCAPS, 1/,
    /setgroups/,
    /setresgid\(2/,
    /setresuid\(1/,
    /capset/,
  ].map((pattern) => indexOf(all, pattern))
  assert.deepEqual(
    order,
    order.toSorted((a, b) => a - b),
  )
  assert.ok(indexOf(all, /PR_SET_DUMPABLE, 0/) < (order[2] as number))
  assert.equal(all.filter((line) => line.includes('PR_CAPBSET_DROP')).length, 41)
})

test('readySteps() looks for the program last, as the user and in its directory', () => {
  const all = lines()
  assert.ok(indexOf(all, /^faccessat2/) > indexOf(all, /^getcwd/))
  assert.ok(indexOf(all, /^getcwd/) > indexOf(all, /^capset/))
})

test('readySteps() keeps CAP_SYS_ADMIN only for a filter without no_new_privs', () => {
  const linux: Linux = { seccomp: { defaultAction: 'SCMP_ACT_ALLOW' } }
  const sets = (more: Partial<Process>, input: Partial<ReadyInput>): string =>
    lines(more, input).find((line) => line.startsWith('capset')) as string
  assert.match(sets({}, { linux }), /effective=1<<CAP_SYS_ADMIN|CAP_SYS_ADMIN/)
  assert.doesNotMatch(sets({ noNewPrivileges: true }, { linux }), /CAP_SYS_ADMIN/)
  assert.doesNotMatch(sets({}, {}), /CAP_SYS_ADMIN/)
})

test('readySteps() leaves out the keyring, the working directory and the resources where they are not its', () => {
  const deep = { cwd: '/a/b', rlimits: [{ type: 'RLIMIT_CPU', soft: 1, hard: 2 }] }
  const all = lines(deep)
  for (const pattern of [/KEYCTL_JOIN_SESSION_KEYRING, "_ses.x"/, /mkdirat\(r\d+, "b"/, /prlimit64/])
    indexOf(all, pattern)
  const exec = lines(deep, { exec: true, newKeyring: false, resources: 'done' })
  assert.ok(!exec.some((line) => /keyctl|mkdirat|prlimit64/.test(line)))
})

test('readySteps() refuses groups where the user namespace denies them', () => {
  const denied = { setgroups: 'deny' } as const
  assert.throws(() => lines({ user: { uid: 0, gid: 0, additionalGids: [5] } }, denied), {
    field: '/process/user/additionalGids',
  })
  assert.ok(
    !lines({ user: { uid: 0, gid: 0, additionalGids: [0] } }, denied).some((line) => line.startsWith('setgroups')),
  )
})

test('readySteps() writes labels through the given procfs only, and not at all without the module (CVE-2019-16884)', () => {
  const all = lines({ apparmorProfile: 'p', selinuxLabel: 'l' }, { securityModules: ['apparmor', 'selinux'] })
  const opened = all.filter((line) => line.includes('attr/'))
  assert.equal(opened.length, 3)
  for (const line of opened) assert.match(line, /openat2\(4, .*RESOLVE_BENEATH/)
  assert.match(all[indexOf(all, /attr\/apparmor\/exec/) + 1] as string, /"exec p"/)
  assert.throws(() => lines({ apparmorProfile: 'p' }), { code: 'E_UNSUPPORTED' })
  assert.equal(usesSecurityModule({ ...process, apparmorProfile: '' }), false)
})

test('grantedCapabilities() grants what is available and consistent, and warns of the rest', () => {
  const asked = {
    bounding: ['CAP_CHOWN', 'CAP_SYS_ADMIN'],
    permitted: ['CAP_CHOWN', 'CAP_SYS_ADMIN'],
    effective: ['CAP_SYS_ADMIN', 'CAP_KILL'],
    inheritable: ['CAP_KILL'],
    ambient: ['CAP_CHOWN'],
  }
  const { masks, warnings } = grantedCapabilities(asked, 1n)
  assert.deepEqual(masks, { bounding: 1n, permitted: 1n, effective: 0n, inheritable: 0n, ambient: 0n })
  assert.equal(warnings.length, 6)
  assert.match(warnings[0] as string, /^\/process\/capabilities\/bounding\/1 CAP_SYS_ADMIN is not granted/)
  assert.deepEqual(grantedCapabilities(undefined).masks.bounding, 0n)
})

test('environment() keeps the last entry of a name, in the place of the first, and adds HOME', () => {
  assert.deepEqual(environment(['A=1', 'B=2', 'A=3', '=x', 'novalue'], '/h'), [
    'A=3',
    'B=2',
    '=x',
    'novalue',
    'HOME=/h',
  ])
})

test('homeIn() reads passwd(5) by number, skips what is no entry, and decodes UTF-8', () => {
  const file = '#x:x:5:0::/no:\n\nbroken\na:x:5:0::/a:/bin/sh\nb:x:5:0::/b:\nc:x:6:0:::\nc2:x:6:0::/c:/x\nd:x:05:0::/d:'
  assert.equal(homeIn(file, 5), '/a')
  assert.equal(homeIn(file, 6), '/c')
  assert.equal(homeIn(file, 7), undefined)
  assert.equal(homeIn('e:x:1:1::/h\xc3\xa9:', 1), '/hé')
})

test('finalSteps() executes last, with descriptors before the filter and nothing between the filter and the exec', () => {
  const p = program({ arch: 'x64' })
  finalSteps(p, {
    process: { ...process, rlimits: [{ type: 'RLIMIT_NOFILE', soft: 3, hard: 4 }] },
    executable: '/bin/sh',
    env: ['A=1', ...listenEnv(2)],
    descriptors: [[7, 0]],
    openFiles: { soft: 100, hard: 100 },
    filter: { filter: new Uint8Array(8), flags: [], notify: false, closes: false, warnings: [] },
  })
  assert.deepEqual(
    p.steps.map((step) => step.name),
    ['close_range', 'prlimit64', 'rt_sigprocmask', 'seccomp', 'execve'],
  )
  assert.match(p.steps[1]?.printArgs() as string, /rlim_cur=3, rlim_max=4/)
  assert.match(p.steps[4]?.printArgs() as string, /LISTEN_FDS=2.*LISTEN_PID=1|3 vars/)
})

test('readyError() and finalError() name the field and use the words of the kernel; other errors stay as they are', () => {
  const failure = (call: string, errno: string, args = '', because = '') =>
    new SyscallError({ call, errno, args, because, step: 0, steps: 1, feature: 'process' })
  const message = (error: unknown): string => (error as Error).message
  const at = { ...process, cwd: '/x', apparmorProfile: 'p' }
  assert.match(message(readyError(failure('openat2', 'ENOTDIR'), at)), /^\/process\/cwd .*chdir \/x: not a directory$/)
  assert.match(message(readyError(failure('openat2', 'ELOOP'), at)), /magic link/)
  assert.match(message(readyError(failure('mkdirat', 'EROFS'), at)), /mkdir \/x: read-only file system$/)
  assert.match(message(readyError(failure('write', 'ENOENT', '', 'AppArmor'), at)), /^\/process\/apparmorProfile p /)
  assert.match(message(readyError(failure('openat2', 'ENOENT', 'attr/exec'), at)), /label/)
  const other = failure('prlimit64', 'EPERM')
  assert.equal(readyError(other, at), other)
  assert.match(message(finalError(failure('execve', 'ENOEXEC'), '/x')), /exec \/x: exec format error$/)
  assert.equal(finalError(other, '/x'), other)
})
