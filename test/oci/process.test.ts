import assert from 'node:assert/strict'
import {
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Process } from '../../src/bundle/spec.ts'
import { checkMachine } from '../support/machine-check.ts'
import { requires } from '../support/requires.ts'
import { start } from './process-start.ts'

checkMachine()
const ROOT = requires({ root: true })
const ENV = ['PATH=/sbin:/bin', 'A=1']

const sh = (script: string, more: Partial<Process> = {}): Process => ({
  args: ['sh', '-c', script],
  env: ENV,
  cwd: '/',
  ...more,
})

/** Fields of /proc/self/status by name. */
const status = (text: string): Readonly<Record<string, string>> =>
  Object.fromEntries(text.split('\n').map((line) => line.split(/:\s+/) as [string, string]))

test(
  'a process without capabilities, limits and rights has none, and the user, groups and mask that were asked for',
  ROOT,
  async () => {
    const user = { uid: 1000, gid: 1000, umask: 0o077, additionalGids: [2000, 2001] }
    const { output } = await start(sh('cat /proc/self/status; umask', { user, noNewPrivileges: true }))
    const seen = status(output)
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
      assert.equal(seen[set], '0000000000000000', set)
    assert.equal(seen['Uid'], '1000\t1000\t1000\t1000')
    assert.equal(seen['Gid'], '1000\t1000\t1000\t1000')
    assert.equal(seen['Groups']?.trim(), '2000 2001')
    assert.equal(seen['NoNewPrivs'], '1')
    assert.equal(seen['SigBlk'], '0000000000000000')
    assert.equal(seen['SigIgn'], '0000000000000000')
    assert.ok(output.endsWith('0077'))
  },
)

test('each capability set is exactly as asked, inheritable empty unless asked (CVE-2022-29162)', ROOT, async () => {
  const capabilities = {
    bounding: ['CAP_CHOWN', 'CAP_KILL', 'CAP_NET_RAW'],
    permitted: ['CAP_CHOWN', 'CAP_KILL'],
    effective: ['CAP_CHOWN'],
  }
  const asRoot = status((await start(sh('cat /proc/self/status', { capabilities }))).output)
  assert.equal(asRoot['CapInh'], '0000000000000000')
  assert.equal(asRoot['CapBnd'], '0000000000002021')
  const ambient = { ...capabilities, inheritable: ['CAP_CHOWN'], ambient: ['CAP_CHOWN'] }
  const user = { uid: 1000, gid: 1000 }
  const asUser = status((await start(sh('cat /proc/self/status', { capabilities: ambient, user }))).output)
  assert.deepEqual(
    ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'].map((set) => asUser[set]?.slice(-4)),
    ['0001', '0001', '0001', '2021', '0001'],
  )
})

test('capabilities that cannot be granted are warnings, not errors', ROOT, async () => {
  const capabilities = { bounding: ['CAP_CHOWN', 'CAP_UNHEARD_OF'], effective: ['CAP_KILL'], ambient: ['CAP_CHOWN'] }
  const { ready, output } = await start(sh('cat /proc/self/status', { capabilities }))
  assert.deepEqual(
    ready.warnings.map((line) => line.split(' ')[0]),
    ['/process/capabilities/bounding/1', '/process/capabilities/effective/0', '/process/capabilities/ambient/0'],
  )
  assert.equal(status(output)['CapBnd'], '0000000000000001')
})

test('limits, oom score, scheduling, personality and keyring are the kernel’s', ROOT, async () => {
  const process = sh(
    'cat /proc/self/limits /proc/self/oom_score_adj /proc/keys; uname -m; cut -d" " -f 18,19,40,41 /proc/self/stat',
    {
      rlimits: [
        { type: 'RLIMIT_NOFILE', soft: 7, hard: 9 },
        { type: 'RLIMIT_CORE', soft: 0, hard: 0xffff_ffff_ffff_ffffn },
        { type: 'RLIMIT_RTTIME', soft: 12345, hard: 23456 },
      ],
      oomScoreAdj: 777,
      scheduler: { policy: 'SCHED_BATCH', nice: 11 },
      ioPriority: { class: 'IOPRIO_CLASS_BE', priority: 6 },
    },
  )
  const { output } = await start(process, { linux: { personality: { domain: 'LINUX32' } } })
  assert.match(output, /Max open files +7 +9 /)
  assert.match(output, /Max core file size +0 +unlimited/)
  assert.match(output, /Max realtime timeout +12345 +23456/)
  assert.match(output, /^777$/m)
  assert.match(output, /keyring +_ses\.carrel-test/)
  assert.match(output, /^i686$/m)
  assert.ok(output.endsWith('\n31 11 0 3'), output)
})

test('real-time and I/O priorities are the kernel’s', ROOT, async () => {
  const process = sh('ionice -p $$; cut -d" " -f 40,41 /proc/self/stat', {
    scheduler: { policy: 'SCHED_FIFO', priority: 3, flags: ['SCHED_FLAG_RESET_ON_FORK'] },
    ioPriority: { class: 'IOPRIO_CLASS_IDLE', priority: 0 },
  })
  const { output } = await start({ ...process, args: ['cat', '/proc/self/stat'] })
  assert.deepEqual(output.split(' ').slice(39, 41), ['3', '1'])
  assert.match((await start({ ...process, scheduler: { policy: 'SCHED_OTHER' } })).output, /^idle/)
})

test('what needs rights over the host is set by the maker of a process in a user namespace', ROOT, async () => {
  const process = sh(
    'cat /proc/self/limits /proc/self/oom_score_adj /proc/self/uid_map; cut -d" " -f 19 /proc/self/stat',
    {
      rlimits: [{ type: 'RLIMIT_MSGQUEUE', soft: 4000, hard: 5000 }],
      oomScoreAdj: 300,
      scheduler: { policy: 'SCHED_OTHER', nice: -7 },
    },
  )
  const { output } = await start(process, { firstId: 0x7f00_0000, linux: { namespaces: [{ type: 'user' }] } })
  assert.match(output, /Max msgqueue size +4000 +5000/)
  assert.match(output, /^300\n +0 2130706432 +65536\n-7$/m)
})

test('memoryPolicy is what the kernel says of the memory of the process', ROOT, async () => {
  const policy = async (mode: string, flags: string[], nodes?: string): Promise<string> => {
    const { output } = await start(sh('head -1 /proc/self/numa_maps'), {
      linux: { memoryPolicy: { mode, flags, ...(nodes === undefined ? {} : { nodes }) } },
    })
    return output.split(' ')[1] as string
  }
  assert.equal(await policy('MPOL_BIND', ['MPOL_F_STATIC_NODES'], '0'), 'bind=static:0')
  assert.equal(await policy('MPOL_LOCAL', []), 'local')
})

test('execCPUAffinity: initial and final lists count for exec, and not for the first process', ROOT, async () => {
  const cpus = async (
    execCPUAffinity: { initial?: string; final?: string },
    exec = true,
  ): Promise<string | undefined> =>
    status((await start(sh('cat /proc/self/status', { execCPUAffinity }), { exec })).output)['Cpus_allowed_list']
  const all = status(readFileSync('/proc/self/status', 'utf8'))['Cpus_allowed_list']
  assert.equal(await cpus({ initial: '0', final: '1' }), '1')
  assert.equal(await cpus({ final: '0' }), '0')
  assert.equal(await cpus({ initial: '1' }), all)
  assert.equal(await cpus({ initial: '1', final: '0' }, false), all)
})

test(
  'cwd is made when it is missing, entered as root where the user may not, and never outside of the root (CVE-2024-21626)',
  ROOT,
  async () => {
    const user = { uid: 1000, gid: 1000 }
    assert.equal((await start(sh('pwd; stat -c %u:%a .', { cwd: '/srv/a/b' }))).output, '/srv/a/b\n0:755')
    const locked = (root: string): void => mkdirSync(join(root, 'locked'), { mode: 0o700 })
    assert.match(
      (await start(sh('readlink /proc/self/cwd; true', { cwd: '/locked', user }), { prepare: locked })).output,
      /^\/locked$/m,
    )
    await assert.rejects(start(sh('pwd', { cwd: '/proc/self/cwd' })), { errno: 'ELOOP' })
    await assert.rejects(start(sh('pwd', { cwd: '/proc/self/fd/3/1' })), { errno: 'ELOOP' })
    const link = (root: string): void => symlinkSync('/etc', join(root, 'link'))
    assert.equal((await start(sh('pwd -P', { cwd: '/link/../tmp' }), { prepare: link })).output, '/tmp')
  },
)

test('HOME comes from the root’s own list, however long, and is "/" without one', ROOT, async () => {
  const home = async (uid: number, prepare?: (root: string) => void, env = ENV): Promise<string> =>
    (await start(sh('echo $HOME', { user: { uid, gid: 0 }, env }), prepare ? { prepare } : {})).output
  assert.equal(await home(0), '/root')
  assert.equal(await home(1000), '/tmp')
  assert.equal(await home(4711), '/')
  assert.equal(await home(0, undefined, [...ENV, 'HOME=/own']), '/own')
  const long = (root: string): void => {
    const lines = Array.from({ length: 3000 }, (_, n) => `u${n}:x:${5000 + n}:0::/home/größe/${n}:/bin/sh`)
    writeFileSync(join(root, 'etc/passwd'), `${lines.join('\n')}\n`)
  }
  assert.equal(await home(7999, long), '/home/größe/2999')
  assert.equal(await home(5000 + 402, long), '/home/größe/402')
  assert.equal(await home(0, (root) => rmSync(join(root, 'etc/passwd'))), '/')
})

test(
  'a program that cannot be executed is told before the gate, in the words that engines look for',
  ROOT,
  async () => {
    const run = (args: string[], more: Partial<Process> = {}) => start({ args, env: ENV, cwd: '/', ...more })
    await assert.rejects(run(['nothing']), /exec: "nothing": executable file not found in \$PATH/)
    await assert.rejects(run(['/nothing']), /exec: "\/nothing": stat \/nothing: no such file or directory/)
    await assert.rejects(run(['/etc/passwd']), /exec: "\/etc\/passwd": permission denied/)
    await assert.rejects(run(['/etc']), /is a directory: permission denied/)
    await assert.rejects(run(['sh'], { env: ['PATH=/etc'] }), /executable file not found in \$PATH/)
    assert.equal((await run(['./echo', 'x'], { cwd: '/bin' })).output, 'x')
  },
)

test('X11: only named descriptors reach the program, with the limit of descriptors of the caller', ROOT, async () => {
  const [one, two] = [openSync('/etc/hostname', 'r'), openSync('/etc/passwd', 'r')]
  try {
    const script = 'for fd in /proc/self/fd/*; do readlink $fd; done; ulimit -n; ulimit -Hn'
    const { output } = await start(sh(script), { preserved: [one, two], openFiles: { soft: 100, hard: 200 } })
    const lines = output.split('\n')
    // What the shell opens for the pattern is its own.
    assert.deepEqual(lines.slice(3, 5), ['/etc/hostname', '/etc/passwd'])
    assert.deepEqual(lines.slice(-2), ['100', '200'])
    assert.equal(lines.length, 7)
  } finally {
    closeSync(one)
    closeSync(two)
  }
})

test('pipes become the user’s, what is no pipe does not change its owner', ROOT, async () => {
  const owners = new Map<string, number>()
  await start(sh('true', { user: { uid: 1000, gid: 1000 } }), {
    before: (p) => {
      p.pipe2(['O_CLOEXEC'])
      p.openat('AT_FDCWD', '/etc/passwd', ['O_RDONLY', 'O_CLOEXEC'])
    },
    ready: { stdio: [3, 4, 5, 6, 7, 8, 9] },
    between(pid) {
      for (const fd of readdirSync(`/proc/${pid}/fd`)) {
        const path = `/proc/${pid}/fd/${fd}`
        owners.set(readlinkSync(path).replace(/:.*|.*(?=\/etc)/, ''), statSync(path).uid)
      }
    },
  })
  assert.equal(owners.get('pipe'), 1000)
  assert.equal(owners.get('/etc/passwd'), 0)
})

test('an AppArmor profile or SELinux label is refused where the kernel has no such module', ROOT, async () => {
  await assert.rejects(start(sh('true', { apparmorProfile: 'x' })), {
    code: 'E_UNSUPPORTED',
    fact: 'security module apparmor',
  })
  await assert.rejects(start(sh('true', { selinuxLabel: 'a:b:c:d' })), {
    code: 'E_UNSUPPORTED',
    fact: 'security module selinux',
  })
})

test('what stands mounted over the container’s /proc is not written to (CVE-2019-16884)', ROOT, async () => {
  const { output } = await start(
    sh('umount /proc; cat /proc/self/oom_score_adj; mount -t proc proc /tmp; cat /tmp/self/oom_score_adj', {
      oomScoreAdj: 321,
      capabilities: { bounding: ['CAP_SYS_ADMIN'], effective: ['CAP_SYS_ADMIN'], permitted: ['CAP_SYS_ADMIN'] },
    }),
    {
      before: (p) => {
        p.mount('tmpfs', '/proc', 'tmpfs', [], null)
        p.mkdirat('AT_FDCWD', '/proc/self', 0o755)
        const file = p.openat('AT_FDCWD', '/proc/self/oom_score_adj', ['O_WRONLY', 'O_CREAT', 'O_CLOEXEC'], 0o666)
        p.write(file, 'untouched\n')
        p.close(file)
      },
    },
  )
  assert.match(output, /321$/)
})
