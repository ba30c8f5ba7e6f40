import assert from 'node:assert/strict'
import { test } from 'node:test'
import { InvalidInputError } from '../../base/errors.ts'
import { type Call, decodeOuts } from '../call.ts'
import { encodeControl, encodeRights, decodeRights } from '../control-messages.ts'
import { decodeAddress, encodeAddress } from '../address.ts'
import { capabilityMask, capabilityNames } from '../capability-params.ts'
import { pathWithPid } from '../decimal-path.ts'
import { PlainEncoder, printCall } from '../plain-encoder.ts'
import { major, makedev, minor } from '../params.ts'
import { type Fd, type Pid, Ref } from '../ref.ts'
import { decodeSiginfo } from '../siginfo.ts'
import { syscallNumber } from '../syscalls.ts'
import { encodeStruct } from '../structs/typed.ts'
import { allCalls } from './index.ts'

const fd = new Ref<Fd>({}, { kind: 'result', value: 0 }, 'r0')
const pid = new Ref<Pid>({}, { kind: 'result', value: 1 }, 'r1')
const call = (name: string): Call => allCalls()[name]!
const print = (name: string, ...args: readonly unknown[]): string => printCall(call(name), args)

function encoded(name: string, ...args: readonly unknown[]): PlainEncoder {
  const encoder = new PlainEncoder()
  encoder.call(call(name), args)
  return encoder
}

/** What a call gives when the kernel returned `result` and wrote `reply`. */
function decoded(name: string, args: readonly unknown[], result: number, reply: Uint8Array): unknown {
  const outs = new PlainEncoder().call(call(name), args)
  return decodeOuts(call(name).result, outs, { result, reply, data: new Uint8Array(0) })
}

test('every call has a number on both architectures, at most six arguments and a line about it', () => {
  for (const [name, { name: kernelName, params, about }] of Object.entries(allCalls())) {
    assert.notEqual(syscallNumber('x64', kernelName), undefined, name)
    assert.notEqual(syscallNumber('arm64', kernelName), undefined, name)
    assert.ok(about && about.length < 160, name)
    const firstOptional = params.findIndex((param) => param.optional)
    const rest = firstOptional < 0 ? [] : params.slice(firstOptional)
    assert.ok(
      rest.every((param) => param.optional || param.implied),
      `${name}: optional parameters come last`,
    )
  }
})

test('calls print like strace', () => {
  assert.equal(
    print('openat', 'AT_FDCWD', '/etc/passwd', ['O_RDONLY', 'O_CLOEXEC']),
    'openat(AT_FDCWD, "/etc/passwd", O_RDONLY|O_CLOEXEC)',
  )
  assert.equal(print('openat', fd, 'x', ['O_CREAT', 'O_WRONLY'], 0o644), 'openat(r0, "x", O_WRONLY|O_CREAT, 0644)')
  assert.equal(
    print('mount', 'none', '/', null, ['MS_REC', 'MS_PRIVATE'], null),
    'mount("none", "/", NULL, MS_REC|MS_PRIVATE, NULL)',
  )
  assert.equal(print('write', 1, 'a\n\x001'), 'write(1, "a\\n\\0001", 4)')
  assert.equal(print('pipe2', ['O_CLOEXEC']), 'pipe2([…, …], O_CLOEXEC)')
  assert.equal(
    print('prctl', 'PR_CAP_AMBIENT', 'PR_CAP_AMBIENT_CLEAR_ALL', 0, 0, 0),
    'prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_CLEAR_ALL, 0, 0, 0)',
  )
  assert.equal(
    print('mknodat', 'AT_FDCWD', 'null', 0o20666, makedev(1, 3)),
    'mknodat(AT_FDCWD, "null", S_IFCHR|0666, makedev(0x1, 0x3))',
  )
  assert.equal(print('setns', fd, 0), 'setns(r0, 0)')
  assert.equal(print('chdir', pathWithPid('/proc/', pid)), 'chdir("/proc/<r1>")')
  assert.equal(print('ioctl', 0, 'TIOCSCTTY', 0), 'ioctl(0, TIOCSCTTY, 0)')
  const up = encodeStruct('ifreq_flags', { ifr_name: 'lo', ifr_flags: ['IFF_UP'] })
  assert.equal(print('ioctl', 3, 'SIOCSIFFLAGS', up), 'ioctl(3, SIOCSIFFLAGS, {ifr_name="lo", ifr_flags=IFF_UP})')
  assert.equal(print('ioctl', 3, 'SIOCSIFFLAGS', up.subarray(1)).includes('ifr_name'), false)
  for (const hidden of [5, up.length - 1]) {
    assert.match(print('ioctl', 3, 'SIOCSIFFLAGS', up.with(hidden, 7)), /"lo\\0.*\\7/, `byte ${hidden}`)
  }
  assert.match(print('ioctl', 3, 'SIOCSIFFLAGS', up.fill(0x61, 0, 16)), /a{16}/)
  assert.equal(print('kill', pid, 0), 'kill(r1, 0)')
  assert.equal(print('setsockopt', 3, 'SOL_SOCKET', 'SO_PASSCRED', 1), 'setsockopt(3, SOL_SOCKET, SO_PASSCRED, [1], 4)')
  assert.equal(
    print('fsconfig', 3, 'FSCONFIG_CMD_CREATE', null, null, 0),
    'fsconfig(3, FSCONFIG_CMD_CREATE, NULL, NULL, 0)',
  )
})

test('calls whose structs strace shows whole do so, and modes have at least three digits', () => {
  assert.equal(
    print('mount_setattr', fd, '', 'AT_EMPTY_PATH', { attr_set: 'MOUNT_ATTR_RDONLY' }),
    'mount_setattr(r0, "", AT_EMPTY_PATH, {attr_set=MOUNT_ATTR_RDONLY, attr_clr=0, propagation=0, userns_fd=0}, 32)',
  )
  assert.equal(print('umask', 0o22), 'umask(022)')
  assert.equal(print('unlinkat', 'AT_FDCWD', 'x', 0), 'unlinkat(AT_FDCWD, "x", 0)')
})

test('openat() pushes words in the order of the kernel', () => {
  const { words, data } = encoded('openat', 'AT_FDCWD', '/a', ['O_CLOEXEC'])
  assert.deepEqual(words, [
    { kind: 'immediate', value: -100 },
    { kind: 'data', value: 0 },
    { kind: 'immediate', value: 0o2000000 },
    { kind: 'immediate', value: 0 },
  ])
  assert.deepEqual([...data.subarray(0, 3)], [47, 97, 0])
})

test('arguments that cannot be meant are refused by name', () => {
  const wrong: readonly (readonly [string, readonly unknown[], string])[] = [
    ['openat', ['AT_FDCW', 'x', 0], 'openat.dirfd'],
    ['openat', [-100, 'a\0b', 0], 'openat.pathname'],
    ['close', ['3'], 'close.fd'],
    ['close', [1.5], 'close.fd'],
    ['read', [0, -1], 'read.count'],
    ['read', [0, 2 ** 31], 'read.count'],
    ['setgroups', [[-1]], 'setgroups.list[0]'],
    ['execve', ['/x', ['a', 'b\0'], []], 'execve.argv[1]'],
    ['openat2', [-100, 'x', { resolv: 1 }], 'openat2.how.resolv'],
    ['ioctl', [0, 'TIOCSCTY'], 'ioctl.request'],
    ['capset', [{ effective: ['CAP_SYS_ADMN'] }], 'capset.datap.effective'],
    ['capset', [{ effective: [-5] }], 'capset.datap.effective'],
    ['capset', [{ effective: [2n ** 40n] }], 'capset.datap.effective'],
    ['capset', [{ effective: 2n ** 64n }], 'capset.datap.effective'],
    ['rt_sigprocmask', ['SIG_BLOCK', [0]], 'rt_sigprocmask.set[0]'],
    ['rt_sigprocmask', ['SIG_BLOCK', ['SIGHUP', 65]], 'rt_sigprocmask.set[1]'],
    ['lseek', [3, 0, 2n ** 64n], 'lseek.whence'],
    ['lseek', [3, 2 ** 64, 'SEEK_SET'], 'lseek.offset'],
    ['fsconfig', [3, 'FSCONFIG_SET_STRING', 'k', 0.5, 0], 'fsconfig.value'],
    ['setsockopt', [3, 'SOL_SOCKET', 'SO_RCVBUF', 2 ** 40], 'setsockopt.optval'],
    ['bind', [3, null], 'bind.addr'],
    ['bind', [3, { path: 'a\0b' }], 'bind.addr.path'],
    ['bind', [3, { address: '::1', port: -1 }], 'bind.addr.port'],
    ['bind', [3, { address: 5, port: 1 }], 'bind.addr'],
    ['sendmsg', [3, { data: undefined }, 0], 'sendmsg.msg.data'],
    ['sendmsg', [3, { data: '', rights: [2 ** 31] }, 0], 'sendmsg.msg.rights[0]'],
    ['sendmsg', [3, { data: '', rights: 'x' }, 0], 'sendmsg.msg.rights'],
    ['sendmsg', [3, { data: '', rights: [1], control: new Uint8Array(8) }, 0], 'sendmsg.msg.rights'],
    ['bpf', ['BPF_PROG_ATTACH', { insns: new Uint8Array(8), target_fd: 3 }], 'bpf.attr'],
  ]
  for (const [name, args, field] of wrong) {
    assert.throws(
      () => encoded(name, ...args),
      (error) => error instanceof InvalidInputError && (assert.equal(error.field, field), true),
    )
  }
})

test('a path that ends in a result has room for twenty digits and a NUL', () => {
  const { relocations, data } = encoded('chdir', pathWithPid('/proc/', pid))
  assert.deepEqual(relocations, [{ at: 6, word: pid.word, width: 'text' }])
  assert.equal(data.length, 32)
})

test('execve() places strings once and relocates a terminated array of pointers', () => {
  const { relocations, words } = encoded('execve', '/sh', ['sh', '-c'], ['A=1'])
  assert.equal(relocations.length, 3)
  assert.deepEqual(relocations[1]!.word, { kind: 'data', value: 8 + 3 })
  assert.equal(words.length, 3)
})

test('read() gives as many bytes as the kernel returned', () => {
  assert.deepEqual(
    decoded('read', [0, 16], 3, Uint8Array.of(1, 2, 3, 9, 9, 9, 9, 9, 0, 0, 0, 0, 0, 0, 0, 0)),
    Uint8Array.of(1, 2, 3),
  )
})

test('pipe2() offers both descriptors to later steps', () => {
  const [out] = new PlainEncoder().call(call('pipe2'), [[]])
  assert.deepEqual(out?.loads, { read: 0, write: 4 })
  assert.deepEqual(out?.decode({ result: 0, reply: Uint8Array.of(5, 0, 0, 0, 6, 0, 0, 0), data: new Uint8Array(0) }), {
    read: 5,
    write: 6,
  })
})

test('wait4() puts its out-parameters together', () => {
  const reply = new Uint8Array(8 + 144)
  new DataView(reply.buffer).setInt32(0, 256, true)
  new DataView(reply.buffer).setBigInt64(8 + 32, 1234n, true)
  const value = decoded('wait4', [-1, 0], 77, reply) as { pid: number; status: number; rusage: { ru_maxrss: number } }
  assert.deepEqual([value.pid, value.status, value.rusage.ru_maxrss], [77, 256, 1234])
})

test('getresuid() reads three numbers from three places', () => {
  const reply = new Uint8Array(24)
  const view = new DataView(reply.buffer)
  for (const [i, id] of [1000, 0, 4294967294].entries()) view.setUint32(8 * i, id, true)
  assert.deepEqual(decoded('getresuid', [], 0, reply), { ruid: 1000, euid: 0, suid: 4294967294 })
})

test('getdents64() stops at an entry that does not fit', () => {
  const reply = new Uint8Array(48)
  const view = new DataView(reply.buffer)
  view.setBigUint64(0, 42n, true)
  view.setUint16(16, 24, true)
  reply.set([4, 46, 0], 18)
  view.setUint16(24 + 16, 4096, true)
  assert.deepEqual(decoded('getdents64', [3, 48], 48, reply), [{ ino: 42n, off: 0n, type: 'DT_DIR', name: '.' }])
})

test('capset() splits 64-bit sets over two structs', () => {
  const { data, words } = encoded('capset', { effective: ['CAP_CHOWN', 'CAP_BPF'], permitted: 1n })
  const view = new DataView(data.buffer)
  assert.equal(view.getUint32(0, true), 0x20080522)
  const at = Number(words[1]!.value)
  assert.deepEqual(
    [0, 4, 8, 12].map((i) => view.getUint32(at + i, true)),
    [1, 1, 0, 128],
  )
  assert.deepEqual(capabilityNames(capabilityMask(['CAP_CHOWN', 39])), ['CAP_CHOWN', 'CAP_BPF'])
})

test('makedev() is undone by major() and minor()', () => {
  for (const [a, b] of [
    [1, 3],
    [136, 0],
    [259, 70000],
    [4095, 1048575],
  ] as const) {
    assert.deepEqual([major(makedev(a, b)), minor(makedev(a, b))], [a, b])
  }
})

test('decodeRights() finds the descriptors among control messages', () => {
  const other = encodeControl([{ level: 1, type: 2, data: new Uint8Array(12) }])
  const both = Uint8Array.from([...other, ...encodeRights([3, 7])])
  assert.deepEqual(decodeRights(both), [3, 7])
  assert.deepEqual(decodeRights(both.subarray(0, both.length - 8)), [])
  assert.deepEqual(decodeRights(new Uint8Array(64)), [])
})

test('sendmsg() relocates descriptors that are results', () => {
  const { relocations } = encoded('sendmsg', 3, { data: 'x', rights: [fd, 5] }, ['MSG_NOSIGNAL'])
  assert.ok(relocations.some(({ word, width }) => word === fd.word && width === 4))
})

test('encodeAddress() and decodeAddress() undo each other', () => {
  const all = [
    { path: '/run/x' },
    { abstract: 'name' },
    { address: '127.0.0.1', port: 80 },
    { address: 'fe80::1:0:2', port: 9 },
    { address: '::1', port: 1 },
    { address: '10:0:1::', port: 1 },
    { netlink: 5, groups: 1 },
    { path: '' },
  ]
  for (const one of all) assert.deepEqual(decodeAddress(encodeAddress(one)), one)
  assert.throws(() => encodeAddress({ path: 'x'.repeat(108) }), InvalidInputError)
  assert.throws(() => encodeAddress({ address: '1.2.3', port: 1 }), InvalidInputError)
})

test('decodeSiginfo() reads the fields of the signal at hand', () => {
  const bytes = new Uint8Array(128)
  const view = new DataView(bytes.buffer)
  view.setInt32(0, 17, true)
  view.setInt32(8, 2, true)
  view.setInt32(16, 99, true)
  view.setInt32(24, 9, true)
  assert.deepEqual(decodeSiginfo(bytes), {
    signal: 'SIGCHLD',
    signo: 17,
    errno: 0,
    code: 'CLD_KILLED',
    pid: 99,
    uid: 0,
    status: 9,
  })
  view.setInt32(0, 15, true)
  view.setInt32(8, 0, true)
  assert.deepEqual(decodeSiginfo(bytes), { signal: 'SIGTERM', signo: 15, errno: 0, code: 'SI_USER', pid: 99, uid: 0 })
})
