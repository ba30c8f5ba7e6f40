import assert from 'node:assert/strict'
import { after, before, test } from 'node:test'
import {
  CLONE,
  type SysCalls,
  decodeInotify,
  decodeRights,
  decodeStruct,
  encodeStruct,
  flagNames,
  ioprioValue,
  signalMask,
} from '../../src/linux/index.ts'
import { Agent } from '../../src/process/index.ts'

/** What the tables say, asked of the running kernel through a real agent. */
let agent: Agent
let sys: SysCalls

before(async () => {
  agent = await Agent.start()
  sys = agent.sys
})
after(() => agent.close())

test('statx(), getdents64(), openat2() and readlinkat() describe files', async () => {
  const stat = await sys.statx('AT_FDCWD', '/etc/passwd', [], ['STATX_BASIC_STATS'])
  assert.equal(stat.stx_mode & 0o170000, 0o100000)
  const etc = await sys.openat('AT_FDCWD', '/etc', ['O_RDONLY', 'O_DIRECTORY', 'O_CLOEXEC'])
  const passwd = await sys.openat2(etc, '/passwd', { flags: ['O_RDONLY', 'O_CLOEXEC'], resolve: ['RESOLVE_IN_ROOT'] })
  assert.equal((await sys.read(passwd, 1 << 20)).length, stat.stx_size)
  await assert.rejects(sys.openat2(etc, '../etc/passwd', { resolve: ['RESOLVE_BENEATH'] }), /EXDEV/)
  const names: string[] = []
  for (;;) {
    const entries = await sys.getdents64(etc, 1024)
    if (entries.length === 0) break
    names.push(...entries.map(({ name }) => name))
  }
  assert.ok(names.includes('.') && names.includes('passwd') && names.length > 20)
  assert.match(await sys.readlinkat('AT_FDCWD', '/proc/self/ns/net'), /^net:\[\d+\]$/)
})

test('memfd_create(), seals, pread64() and lseek() agree about a file', async () => {
  const fd = await sys.memfd_create('x', ['MFD_CLOEXEC', 'MFD_ALLOW_SEALING'])
  assert.equal(await sys.write(fd, 'hello'), 5)
  await sys.fcntl(fd, 'F_ADD_SEALS', 15)
  assert.equal(await sys.fcntl(fd, 'F_GET_SEALS'), 15)
  await assert.rejects(sys.ftruncate(fd, 0), /EPERM/)
  assert.deepEqual(await sys.pread64(fd, 3, 1), new TextEncoder().encode('ell'))
  assert.equal(await sys.lseek(fd, 0, 'SEEK_END'), 5)
})

test('sendmsg() and recvmsg() carry descriptors', async () => {
  const pair = await sys.socketpair('AF_UNIX', ['SOCK_SEQPACKET', 'SOCK_CLOEXEC'], 0)
  await sys.sendmsg(pair[0], { data: 'hey', rights: [pair[1], pair[0]] }, ['MSG_NOSIGNAL'])
  const { data, control } = await sys.recvmsg(pair[1], { size: 100, rights: 4 }, ['MSG_CMSG_CLOEXEC'])
  assert.equal(new TextDecoder().decode(data), 'hey')
  const received = decodeRights(control)
  assert.equal(received.length, 2)
  assert.equal(await sys.fcntl(received[0]!, 'F_GETFD'), 1)
  const peer = decodeStruct('ucred', await sys.getsockopt(pair[0], 'SOL_SOCKET', 'SO_PEERCRED', 12))
  assert.equal(peer.pid, await sys.getpid())
})

test('bind() and getsockname() agree about addresses', async () => {
  const unix = await sys.socket('AF_UNIX', ['SOCK_STREAM', 'SOCK_CLOEXEC'], 0)
  const abstract = `carrel-test-${await sys.getpid()}`
  await sys.bind(unix, { abstract })
  assert.deepEqual(await sys.getsockname(unix), { abstract })
  const inet = await sys.socket('AF_INET', ['SOCK_STREAM', 'SOCK_CLOEXEC'], 0)
  await sys.bind(inet, { address: '127.0.0.1', port: 0 })
  await sys.listen(inet, 1)
  const name = await sys.getsockname(inet)
  assert.ok('address' in name && name.address === '127.0.0.1' && name.port > 0)
})

test('epoll, eventfd, timerfd and inotify tell what happened', async () => {
  const epoll = await sys.epoll_create1(['EPOLL_CLOEXEC'])
  const event = await sys.eventfd2(3, ['EFD_CLOEXEC'])
  await sys.epoll_ctl(epoll, 'EPOLL_CTL_ADD', event, { events: ['EPOLLIN'], data: 77n })
  assert.deepEqual(await sys.epoll_pwait(epoll, 8, 0), [{ events: ['EPOLLIN'], data: 77n }])
  const timer = await sys.timerfd_create('CLOCK_MONOTONIC', ['TFD_CLOEXEC'])
  await sys.timerfd_settime(timer, [], { it_value: { tv_sec: 50 } })
  const left = await sys.timerfd_gettime(timer)
  assert.ok(left.it_value.tv_sec >= 40 && left.it_value.tv_sec <= 50)
  const inotify = await sys.inotify_init1(['IN_CLOEXEC', 'IN_NONBLOCK'])
  const path = `/tmp/carrel-inotify-${await sys.getpid()}`
  const watch = await sys.inotify_add_watch(inotify, '/tmp', ['IN_CREATE'])
  await sys.mkdirat('AT_FDCWD', path, 0o700)
  await sys.unlinkat('AT_FDCWD', path, ['AT_REMOVEDIR'])
  const events = decodeInotify(await sys.read(inotify, 65536))
  assert.ok(events.some(({ wd, name }) => wd === watch && path.endsWith(name)))
})

test('signals can be blocked, ignored and waited for', async () => {
  await sys.rt_sigprocmask('SIG_BLOCK', ['SIGUSR1'])
  assert.equal((await sys.rt_sigprocmask('SIG_BLOCK', null)) & signalMask(['SIGUSR1']), signalMask(['SIGUSR1']))
  await sys.kill(await sys.getpid(), 'SIGUSR1')
  const info = await sys.rt_sigtimedwait(['SIGUSR1'], { tv_sec: 0 })
  assert.deepEqual([info.signal, info.code, info.pid], ['SIGUSR1', 'SI_USER', await sys.getpid()])
  await sys.rt_sigaction('SIGUSR2', 'SIG_IGN')
  assert.equal((await sys.rt_sigaction('SIGUSR2', null)).handler, 1n)
})

test('the process tells its identity, limits, scheduling and names', async () => {
  assert.deepEqual(await sys.getresuid(), {
    ruid: process.getuid!(),
    euid: process.geteuid!(),
    suid: process.geteuid!(),
  })
  const limit = await sys.prlimit64(0, 'RLIMIT_CORE', { rlim_cur: 0, rlim_max: 0 })
  assert.equal(typeof limit.rlim_cur, 'bigint')
  assert.deepEqual(await sys.prlimit64(0, 'RLIMIT_CORE', null), { rlim_cur: 0n, rlim_max: 0n })
  const [cpu] = await sys.sched_getaffinity(0)
  await sys.sched_setaffinity(0, [cpu!])
  assert.deepEqual(await sys.sched_getaffinity(0), [cpu])
  await sys.sched_setattr(0, { sched_policy: 'SCHED_BATCH', sched_nice: 3 }, [])
  const { sched_policy, sched_nice } = await sys.sched_getattr(0)
  assert.deepEqual([sched_policy, sched_nice], ['SCHED_BATCH', 3])
  assert.equal(await sys.getpriority('PRIO_PROCESS', 0), 3)
  await sys.ioprio_set('IOPRIO_WHO_PROCESS', 0, ioprioValue('IOPRIO_CLASS_BE', 5))
  assert.equal(await sys.ioprio_get('IOPRIO_WHO_PROCESS', 0), ioprioValue('IOPRIO_CLASS_BE', 5))
  await sys.prctl('PR_SET_NAME', 'named')
  const comm = await sys.openat('AT_FDCWD', '/proc/thread-self/comm', ['O_RDONLY', 'O_CLOEXEC'])
  assert.equal(new TextDecoder().decode(await sys.read(comm, 32)), 'named\n')
  assert.ok((await sys.uname()).release.length > 0)
  assert.ok((await sys.sysinfo()).totalram > 0n)
  assert.ok((await sys.getrusage('RUSAGE_SELF')).ru_maxrss > 0)
})

test('ioctls read and write structs, and make descriptors', async () => {
  const pty = await sys.openat('AT_FDCWD', '/dev/ptmx', ['O_RDWR', 'O_NOCTTY', 'O_CLOEXEC'])
  await sys.ioctl(pty, 'TIOCSWINSZ', encodeStruct('winsize', { ws_row: 24, ws_col: 80 }))
  const size = decodeStruct('winsize', await sys.ioctlRead(pty, 'TIOCGWINSZ', 8))
  assert.deepEqual([size.ws_row, size.ws_col], [24, 80])
  const ns = await sys.openat('AT_FDCWD', '/proc/self/ns/net', ['O_RDONLY', 'O_CLOEXEC'])
  assert.deepEqual(flagNames(CLONE, await sys.ioctl(ns, 'NS_GET_NSTYPE')), ['CLONE_NEWNET'])
})

test('a descriptor-based mount is made, restricted and described', async (t) => {
  if (process.getuid!() !== 0) return t.diagnostic('only the refusal: not root')
  const context = await sys.fsopen('tmpfs', ['FSOPEN_CLOEXEC'])
  await sys.fsconfig(context, 'FSCONFIG_SET_STRING', 'size', '1M', 0)
  await sys.fsconfig(context, 'FSCONFIG_CMD_CREATE', null, null, 0)
  const mount = await sys.fsmount(context, ['FSMOUNT_CLOEXEC'], ['MOUNT_ATTR_NOSUID'])
  await sys.mount_setattr(mount, '', ['AT_EMPTY_PATH'], { attr_set: ['MOUNT_ATTR_RDONLY'] })
  await assert.rejects(sys.mkdirat(mount, 'x', 0o755), /EROFS/)
  assert.equal((await sys.fstatfs(mount)).f_flags & 3, 3)
})
