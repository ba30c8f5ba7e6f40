import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { copyFileSync, mkdtempSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { notifyMessage } from '../../src/bundle/seccomp/seccomp-steps.ts'
import type { Linux, Process, Seccomp } from '../../src/bundle/spec.ts'
import { close } from '../../src/kernel/descriptors.ts'
import { currentKernel } from '../../src/kernel/current.ts'
import { connectUnix } from '../../src/kernel/socket.ts'
import { SYSCALLS_X64 } from '../../src/linux/tables/syscalls-x64.ts'
import { cProgram } from '../support/c-program.ts'
import { eventually } from '../support/eventually.ts'
import { checkMachine } from '../support/machine-check.ts'
import { requires } from '../support/requires.ts'
import { start } from './process-start.ts'

checkMachine()
const ROOT = requires({ root: true })
const [EPERM, ENOSYS, ENOMEDIUM] = [1, 38, 123]
const [SIGSEGV, SIGSYS] = [11, 31]
const FIXTURES = readdirSync(join(import.meta.dirname, 'fixtures')).filter((name) => name.endsWith('-config.json'))

const prepare = (root: string): void => copyFileSync(cProgram('test/seccomp/call.c'), join(root, 'bin/call'))
const command = (args: string[], more: Partial<Process> = {}): Process => ({
  args,
  env: ['PATH=/bin'],
  cwd: '/',
  ...more,
})
const linux = (seccomp: Seccomp): Linux => ({ seccomp })

test('a filter is loaded last of all: it may refuse whatever the setup does', ROOT, async () => {
  const names = Object.keys(SYSCALLS_X64).filter((name) => !NEEDED.includes(name))
  const seccomp = { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names, action: 'SCMP_ACT_KILL_PROCESS' }] }
  for (const noNewPrivileges of [true, false]) {
    const user = { uid: 1000, gid: 1000 }
    const process = command(['/bin/call', `${SYSCALLS_X64.getpid}:`], { noNewPrivileges, user })
    const { output, status } = await start(process, { linux: linux(seccomp), prepare })
    assert.deepEqual([output, status], ['0', 0])
  }
})

/** What a static program of glibc calls before main(), and then. */
const NEEDED: readonly string[] = [
  'execve',
  'brk',
  'arch_prctl',
  'set_tid_address',
  'set_robust_list',
  'rseq',
  'prlimit64',
  'readlinkat',
  'readlink',
  'getrandom',
  'mprotect',
  'fstat',
  'newfstatat',
  'write',
  'exit_group',
  'getpid',
]

test('the capability that a filter without noNewPrivileges needs does not reach the program', ROOT, async () => {
  const seccomp = { defaultAction: 'SCMP_ACT_ALLOW', syscalls: [{ names: ['mkdir'], action: 'SCMP_ACT_ERRNO' }] }
  for (const user of [
    { uid: 0, gid: 0 },
    { uid: 1000, gid: 1000 },
  ]) {
    const capabilities = {
      bounding: ['CAP_CHOWN'],
      permitted: ['CAP_CHOWN'],
      effective: ['CAP_CHOWN'],
      inheritable: ['CAP_CHOWN'],
      ambient: ['CAP_CHOWN'],
    }
    const script = 'grep -E "^(Cap|Seccomp:|NoNew)" /proc/self/status | cut -f 2'
    const { output } = await start(command(['sh', '-c', script], { user, capabilities }), { linux: linux(seccomp) })
    assert.deepEqual(output.split('\n'), [...Array<string>(5).fill('0000000000000001'), '0', '2'])
  }
})

test('the profiles of engines are loaded, and refuse what they are meant to refuse', ROOT, async () => {
  const texts = new Set<string>()
  for (const name of FIXTURES) {
    const config = JSON.parse(readFileSync(join(import.meta.dirname, 'fixtures', name), 'utf8')) as { linux: Linux }
    if (config.linux.seccomp) texts.add(JSON.stringify(config.linux.seccomp))
  }
  assert.ok(texts.size >= 3)
  const { personality, kexec_load: kexec, mkdir, clone, getpid } = SYSCALLS_X64
  const calls = [`${getpid}:`, `${mkdir}:p`, `${personality}:0xffffffff`, `${personality}:0x400000`, `${kexec}:`]
  for (const text of texts) {
    const seccomp = JSON.parse(text) as Seccomp
    const process = command(['call', ...calls, `${clone}:0x10000000`])
    const { output } = await start(process, { linux: linux(seccomp), prepare })
    const [own, made, asked, changed, loaded, unshared] = output.split('\n').map(Number)
    assert.deepEqual([own, made, asked], [0, 2, 0], text)
    for (const errno of [changed, loaded, unshared]) assert.ok([EPERM, ENOSYS].includes(errno as number), output)
  }
})

test('rules of arguments and errnos are the kernel’s', ROOT, async () => {
  const masked = { index: 0, value: 0xff00, valueTwo: 0x1200, op: 'SCMP_CMP_MASKED_EQ' }
  const seccomp: Seccomp = {
    defaultAction: 'SCMP_ACT_ALLOW',
    flags: ['SECCOMP_FILTER_FLAG_LOG', 'SECCOMP_FILTER_FLAG_SPEC_ALLOW', 'SECCOMP_FILTER_FLAG_TSYNC'],
    syscalls: [
      { names: ['getpriority'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOMEDIUM, args: [masked] },
      { names: ['mkdir'], action: 'SCMP_ACT_ERRNO' },
      { names: ['no_such_call', 'socketcall'], action: 'SCMP_ACT_KILL' },
    ],
  }
  const { getpriority, mkdir } = SYSCALLS_X64
  const calls = [`${getpriority}:0x3412ff`, `${getpriority}:0`, `${mkdir}:p`]
  const { output } = await start(command(['call', ...calls]), { linux: linux(seccomp), prepare })
  assert.deepEqual(output.split('\n').map(Number), [ENOMEDIUM, 0, EPERM])
})

test(
  'calls of 32-bit programs end the process, unless the profile has their architecture: then its rules count',
  ROOT,
  async () => {
    const file = cProgram('test/seccomp/i386.c')
    const own = (root: string): void => copyFileSync(file, join(root, 'bin/i386'))
    const seccomp = (architectures: string[]): Linux =>
      linux({
        defaultAction: 'SCMP_ACT_ALLOW',
        architectures,
        syscalls: [{ names: ['getpid'], action: 'SCMP_ACT_ERRNO', errnoRet: ENOMEDIUM }],
      })
    const killed = await start(command(['i386']), { linux: seccomp(['SCMP_ARCH_X86_64']), prepare: own })
    // A kernel without IA32 emulation refuses the entry itself, with SIGSEGV.
    const unfiltered = spawnSync(file).signal
    assert.equal((killed.status as number) & 0x7f, unfiltered === null ? SIGSYS : SIGSEGV)
    if (unfiltered !== null) return
    const { output } = await start(command(['i386']), { linux: seccomp(['SCMP_ARCH_X86']), prepare: own })
    assert.equal(output, String(-ENOMEDIUM))
  },
)

test(
  'a profile that names only old calls answers ENOSYS to new ones, so that C libraries fall back',
  ROOT,
  async () => {
    const names = Object.entries(SYSCALLS_X64)
      .filter(([name, number]) => number <= SYSCALLS_X64.clone3 && name !== 'mkdir')
      .map(([name]) => name)
    const seccomp = { defaultAction: 'SCMP_ACT_ERRNO', syscalls: [{ names, action: 'SCMP_ACT_ALLOW' }] }
    const calls = [`${SYSCALLS_X64.mkdir}:p`, `${SYSCALLS_X64.fchmodat2}:0,p`]
    const { output } = await start(command(['call', ...calls]), { linux: linux(seccomp), prepare })
    assert.deepEqual(output.split('\n').map(Number), [EPERM, ENOSYS])
  },
)

for (const refused of [[], ['sendmsg', 'close']]) {
  const title = refused.length ? ', also where the filter refuses sendmsg and close' : ''
  test(`a seccomp agent gets the listener with the state, and decides${title}`, ROOT, async () => {
    const folder = mkdtempSync(join(tmpdir(), 'carrel-notify-'))
    const path = join(folder, 'socket')
    const agent = spawn(cProgram('test/oci/conformance/receive-listener.c'), [path], {
      stdio: ['ignore', 'pipe', 'inherit'],
    })
    let seen = ''
    agent.stdout.on('data', (bytes: Buffer) => (seen += bytes.toString()))
    try {
      await eventually(
        () => seen.startsWith('listening\n'),
        () => seen,
      )
      const kernel = await currentKernel()
      const socket = connectUnix(kernel, path)
      const state = {
        ociVersion: '1.3.0',
        id: 'x',
        status: 'creating',
        bundle: '/b',
        metadata: 'm',
        annotations: { a: 'b' },
      }
      const seccomp = {
        defaultAction: 'SCMP_ACT_ALLOW',
        listenerPath: path,
        flags: ['SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV', 'SECCOMP_FILTER_FLAG_TSYNC'],
        syscalls: [
          { names: ['mkdir'], action: 'SCMP_ACT_NOTIFY' },
          ...(refused.length ? [{ names: refused, action: 'SCMP_ACT_ERRNO' }] : []),
        ],
      }
      const { output, pid } = await start(command(['call', `${SYSCALLS_X64.mkdir}:p`]), {
        linux: linux(seccomp),
        prepare,
        // Ours is closed when its copy has been sent: the agent reads to the end.
        listener: { socket, message: (first) => notifyMessage({ ...state, pid: first }) },
        started: () => close(kernel, socket),
      })
      assert.equal(output, '0')
      await eventually(
        () => seen.split('\n').length > 2,
        () => seen,
      )
      const [, line = ''] = seen.split('\n')
      const { descriptors, sent } = JSON.parse(line) as { descriptors: number; sent: Record<string, unknown> }
      assert.equal(descriptors, 1)
      const { metadata, ...inner } = state
      assert.deepEqual(sent, { ociVersion: '1.3.0', fds: ['seccompFd'], pid, metadata, state: { ...inner, pid } })
    } finally {
      agent.kill('SIGKILL')
      rmSync(folder, { recursive: true, force: true })
    }
  })
}
