import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidInputError } from '../../base/errors.ts'
import type { Arch } from '../arch.ts'
import { type Call, decodeOuts } from '../call.ts'
import type { Word } from '../encoder.ts'
import { flagsValue } from '../flags.ts'
import { PlainEncoder, printCall } from '../plain-encoder.ts'
import { type Fd, Ref } from '../ref.ts'
import { MS } from '../tables/mount.ts'
import { OPEN } from '../tables/open.ts'
import { waitsByNature } from '../waits-by-nature.ts'
import { allCalls } from './index.ts'

const ARCHES: readonly Arch[] = ['x64', 'arm64']
const call = (name: string): Call => allCalls()[name]!
const print = (name: string, ...args: readonly unknown[]): string => printCall(call(name), args)

function encoded(name: string, args: readonly unknown[], arch: Arch = 'x64') {
  const encoder = new PlainEncoder(arch)
  const outs = encoder.call(call(name), args)
  return { encoder, outs, words: encoder.words }
}

const numbers = (words: readonly Word[]): unknown[] =>
  words.map(({ kind, value }) => (kind === 'immediate' ? value : kind))

type Words = readonly unknown[]
/** Name, arguments, the kernel's name, its words on x64, and on arm64 where they differ */
type Row = readonly [name: string, args: Words, kernelName: string, onX64: Words, onArm64?: Words]

test('POSIX names are calls that both architectures have, with the constants of each', () => {
  const rows: readonly Row[] = [
    ['open', ['/a', ['O_DIRECTORY']], 'openat', [-100, 'data', 0o200000, 0], [-100, 'data', 0o40000, 0]],
    ['mkdir', ['/a', 0o755], 'mkdirat', [-100, 'data', 0o755]],
    ['rmdir', ['/a'], 'unlinkat', [-100, 'data', 0x200]],
    ['unlink', ['/a'], 'unlinkat', [-100, 'data', 0]],
    ['link', ['/a', '/b'], 'linkat', [-100, 'data', -100, 'data', 0]],
    ['symlink', ['/a', '/b'], 'symlinkat', ['data', -100, 'data']],
    ['rename', ['/a', '/b'], 'renameat2', [-100, 'data', -100, 'data', 0]],
    ['readlink', ['/a'], 'readlinkat', [-100, 'data', 'reply', 4096]],
    ['access', ['/a', ['R_OK', 'X_OK']], 'faccessat', [-100, 'data', 5]],
    ['stat', ['/a'], 'statx', [-100, 'data', 0, 0x1fff, 'reply']],
    ['lstat', ['/a'], 'statx', [-100, 'data', 0x100, 0x1fff, 'reply']],
    ['fstat', [3], 'statx', [3, 'data', 0x1000, 0x1fff, 'reply']],
    ['chmod', ['/a', 0o644], 'fchmodat', [-100, 'data', 0o644]],
    ['chown', ['/a', 1, -1], 'fchownat', [-100, 'data', 1, -1, 0]],
    ['lchown', ['/a', 1, 2], 'fchownat', [-100, 'data', 1, 2, 0x100]],
    ['mkfifo', ['/a', 0o600], 'mknodat', [-100, 'data', 0o010600, 0]],
    ['mknod', ['/a', 0o020600, 0x103], 'mknodat', [-100, 'data', 0o020600, 0x103]],
    ['umount', ['/a'], 'umount2', ['data', 0]],
    ['dup2', [3, 4], 'dup3', [3, 4, 0]],
    ['pipe', [], 'pipe2', ['reply', 0]],
    ['getrlimit', ['RLIMIT_NOFILE'], 'prlimit64', [0, 7, 0, 'reply']],
    ['setrlimit', ['RLIMIT_NOFILE', { cur: 1, max: 2 }], 'prlimit64', [0, 7, 'data', 0]],
    ['getpgrp', [], 'getpgid', [0]],
    ['gethostname', [], 'uname', ['reply']],
    ['waitpid', [-1, ['WNOHANG', 2]], 'wait4', [-1, 'reply', 3, 'reply']],
    ['fexecve', [3, ['x'], []], 'execveat', [3, 'data', 'data', 'data', 0x1000]],
    ['exit', [3], 'exit_group', [3]],
    ['accept', [3], 'accept4', [3, 0, 0, 0]],
    ['poll', [[], 1500], 'ppoll', ['data', 0, 'data', 0, 8]],
    ['poll', [[], null], 'ppoll', ['data', 0, 0, 0, 8]],
    ['select', [[], null, [5], null], 'pselect6', [1024, 0, 0, 'data', 0, 0]],
  ]
  for (const [name, args, kernelName, onX64, onArm64 = onX64] of rows) {
    assert.equal(call(name).name, kernelName, name)
    assert.deepEqual(numbers(encoded(name, args, 'x64').words), onX64, name)
    assert.deepEqual(numbers(encoded(name, args, 'arm64').words), onArm64, name)
  }
})

test('listings show what the kernel is asked', () => {
  assert.equal(print('open', '/a', ['O_RDONLY', 'O_CLOEXEC']), 'openat(AT_FDCWD, "/a", O_RDONLY|O_CLOEXEC)')
  assert.equal(print('mkfifo', '/a', 0o600), 'mknodat(AT_FDCWD, "/a", S_IFIFO|0600, 0)')
  assert.equal(print('fstat', 3), 'statx(3, "", AT_EMPTY_PATH, STATX_BASIC_STATS|STATX_BTIME|STATX_MNT_ID, …)')
  assert.equal(
    print('setrlimit', 'RLIMIT_CORE', { cur: 0, max: -1 }),
    'prlimit64(0, RLIMIT_CORE, {rlim_cur=0, rlim_max=RLIM64_INFINITY}, NULL)',
  )
  assert.equal(print('select', [3, 5], null, [], { tv_sec: 1 }), 'pselect6(1024, [3 5], NULL, NULL, {tv_sec=1}, NULL)')
  assert.equal(print('fcntl', 3, 'F_SETFD', 'FD_CLOEXEC'), 'fcntl(3, F_SETFD, FD_CLOEXEC)')
  assert.equal(print('fcntl', 3, 'F_SETFL', ['O_APPEND']), 'fcntl(3, F_SETFL, O_RDONLY|O_APPEND)')
  assert.equal(print('fcntl', 3, 'F_SETLK', { l_type: 'F_WRLCK' }), 'fcntl(3, F_SETLK, {l_type=F_WRLCK})')
})

test('arguments that cannot be meant are refused by name', () => {
  const rows: readonly (readonly [string, readonly unknown[], string])[] = [
    ['select', [[1024], null, null, null], 'select.readfds[0]'],
    ['select', [null, [-1], null, null], 'select.writefds[0]'],
    ['select', [null, null, [new Ref<Fd>({}, { kind: 'result', value: 0 }, 'r0')], null], 'select.exceptfds[0]'],
    ['select', [7, null, null, null], 'select.readfds'],
    ['setrlimit', ['RLIMIT_CORE', { cur: 1 }], 'setrlimit.rlim'],
    ['mkfifo', ['/a', 0o10000], 'mkfifo.mode'],
    ['poll', [[], Number.NaN], 'poll.timeout'],
    ['ioctlUpdate', [0, 'TUNSETIFF', 5], 'ioctlUpdate.argument'],
    ['sigqueue', [1, 'SIGUSR1', {}], 'sigqueue.info.value'],
    ['sigqueue', [1, 'SIGUSR1', { value: 1, pid: 2 ** 40 }], 'sigqueue.info.pid'],
    ['setrlimit', ['RLIMIT_CORE', { cur: undefined, max: 1 }], 'setrlimit.rlim.cur'],
    ['setrlimit', ['RLIMIT_CORE', { cur: 1, max: -2 }], 'setrlimit.rlim.max'],
    ['fcntl', [0, 'F_SETFD', 'FD_CLOEXE'], 'fcntl.arg'],
    ['open', ['/a', 2 ** 65], 'open.flags'],
  ]
  for (const [name, args, field] of rows) {
    assert.throws(
      () => encoded(name, args),
      (error) => {
        assert.ok(error instanceof InvalidInputError)
        assert.equal(error.field.split('.').slice(1).join('.'), field.split('.').slice(1).join('.'))
        return true
      },
    )
  }
})

test('D-A11: flags are unsigned numbers of at most 64 bits, however bit 31 is written', () => {
  const word = (value: unknown) => flagsValue(MS, value, 'x64', 'mount.mountflags')
  for (const value of [2 ** 31, 1 << 31, [1 << 31], [2 ** 31], 0x8000_0000n, ['MS_NOUSER']]) {
    assert.equal(word(value), 2 ** 31)
  }
  assert.equal(word(['MS_RDONLY', 1 << 31]), 2 ** 31 + 1)
  assert.equal(word(-1), 2 ** 32 - 1)
  assert.equal(word([1n << 63n, 1]), (1n << 63n) | 1n)
  assert.equal(word([-1n]), 2n ** 64n - 1n)
  for (const value of [2 ** 64, -(2 ** 31) - 1, 1n << 64n]) assert.throws(() => word(value), InvalidInputError)
})

test('D-A06, D-A12: a list of flags is OR-ed: zero adds nothing, a repeated flag does not cancel itself', () => {
  const word = (value: unknown) => flagsValue(OPEN, value, 'x64', 'open.flags')
  assert.equal(word([0, 64]), 64)
  assert.equal(word([64, 64, 'O_CREAT']), 64)
  assert.equal(word([128, 'O_EXCL', 255, 0n]), 255)
  assert.equal(word([]), 0)
})

test('select() drops what the kernel did not count', () => {
  const { outs, encoder } = encoded('select', [[3, 900], [3], null, null])
  const data = encoder.data
  const given = (result: number) => decodeOuts(call('select').result, outs, { result, reply: new Uint8Array(0), data })
  assert.deepEqual(given(3), { read: [3, 900], write: [3], except: [] })
  assert.deepEqual(given(2), { read: [3], write: [3], except: [] })
  assert.deepEqual(given(0), { read: [], write: [], except: [] })
})

test('waitpid() decodes the status word; nothing has changed when the pid is 0', () => {
  const { outs } = encoded('waitpid', [-1, ['WNOHANG']])
  const reply = new Uint8Array(8 + 144)
  new DataView(reply.buffer).setInt32(0, 3 << 8, true)
  const given = (result: number) =>
    decodeOuts(call('waitpid').result, outs, { result, reply, data: new Uint8Array(0) }) as Record<string, unknown>
  assert.deepEqual([given(7)['pid'], given(7)['status'], given(7)['raw']], [7, { kind: 'exited', code: 3 }, 768])
  assert.deepEqual([given(0)['pid'], given(0)['status']], [0, null])
})

test('getpriority() is the nice value', () => {
  const nice = (result: number) =>
    decodeOuts(call('getpriority').result, [], { result, reply: new Uint8Array(0), data: new Uint8Array(0) })
  assert.deepEqual([nice(40), nice(20), nice(1)], [-20, 0, 19])
})

test('ppoll() gives every descriptor with what happened', () => {
  for (const arch of ARCHES) {
    const { outs, encoder } = encoded('ppoll', [[{ fd: 3, events: ['POLLIN'] }, { fd: 4 }], null], arch)
    const data = encoder.data
    const at = Number(encoder.words[0]!.value)
    new DataView(data.buffer).setUint16(at + 6, 0x11, true)
    assert.deepEqual(outs[0]!.decode({ result: 1, reply: new Uint8Array(0), data }), [
      { fd: 3, events: ['POLLIN'], revents: ['POLLIN', 'POLLHUP'] },
      { fd: 4, events: [], revents: [] },
    ])
  }
})

test('waitsByNature() knows calls with and without a signature', () => {
  for (const name of [
    'read',
    'wait4',
    'ppoll',
    'pselect6',
    'openat',
    'readv',
    'epoll_wait',
    'futex',
    'exit_group',
    'select',
  ])
    assert.equal(waitsByNature(name), true, name)
  for (const name of ['getpid', 'mount', 'close', 'statx', 'prctl', 'clone3', 'no such call'])
    assert.equal(waitsByNature(name), false, name)
})
