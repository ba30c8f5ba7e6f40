import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import {
  ALLOW,
  DEFAULT_SECCOMP_PROFILE,
  failWith,
  low32Equal,
  seccompFilter,
  tableOptions,
} from '../../src/features/seccomp/index.ts'
import { machineArch } from '../../src/linux/arch.ts'

const ARCH = machineArch()
const { numbers } = tableOptions(ARCH)
const [EPERM, ENOSYS, EAFNOSUPPORT] = [1, 38, 97]

let dir = ''
let filterFile = ''

before(() => {
  dir = mkdtempSync(join(tmpdir(), 'carrel-seccomp-'))
  filterFile = join(dir, 'default.bpf')
  writeFileSync(filterFile, seccompFilter(ARCH))
  build('launch')
  build('call')
})

after(() => rmSync(dir, { recursive: true, force: true }))

function build(name: string): void {
  const source = join(import.meta.dirname, `${name}.c`)
  const { status, stderr } = spawnSync('cc', ['-O1', '-Wall', '-Werror', '-o', join(dir, name), source], {
    encoding: 'utf8',
  })
  assert.equal(status, 0, stderr)
}

interface Run {
  readonly status: number | null
  readonly signal: NodeJS.Signals | null
  readonly stdout: string
  readonly stderr: string
}

/** Runs a command under a filter, in the test's directory. */
function under(filter: string, command: readonly string[]): Run {
  return spawnSync(join(dir, 'launch'), [filter, ...command], { encoding: 'utf8', cwd: dir, timeout: 120_000 })
}

const confined = (...command: string[]): Run => under(filterFile, command)

/** The errno of each call, made by one process under the default filter. */
function errnosOf(
  calls: readonly (readonly [string | number, ...(string | number)[]])[],
  filter = filterFile,
): number[] {
  const words = calls.map(([call, ...args]) => `${typeof call === 'number' ? call : numbers[call]}:${args.join(',')}`)
  const { status, signal, stdout, stderr } = under(filter, [join(dir, 'call'), ...words])
  assert.deepEqual({ status, signal }, { status: 0, signal: null }, stderr)
  return stdout.trim().split('\n').map(Number)
}

function has(command: string): boolean {
  return spawnSync('sh', ['-c', `command -v ${command}`]).status === 0
}

test('the kernel loads the default filter: Seccomp 2, NoNewPrivs 1', () => {
  const { stdout } = confined('grep', '-E', '^(Seccomp|NoNewPrivs|Seccomp_filters):', '/proc/self/status')
  assert.deepEqual(stdout.trim().split('\n'), ['NoNewPrivs:\t1', 'Seccomp:\t2', 'Seccomp_filters:\t1'])
})

test('calls that the default profile refuses fail with EPERM, also for root', () => {
  const refused = [
    ['mount', 0, 'p', 0, 0, 0],
    ['umount2', 'p', 0],
    ['pivot_root', 'p', 'p'],
    ['chroot', 'p'],
    ['unshare', 0],
    ['setns', 0, 0],
    ['ptrace', 0, 0, 0, 0],
    ['process_vm_readv', 0, 0, 0, 0, 0, 0],
    ['keyctl', 0, -3, 0],
    ['add_key', 'p', 'p', 0, 0, 0],
    ['bpf', 0, 0, 0],
    ['io_uring_setup', 1, 'p'],
    ['perf_event_open', 'p', 0, -1, -1, 0],
    ['userfaultfd', 0],
    ['fsopen', 'p', 0],
    ['open_tree', -100, 'p', 0],
    ['open_by_handle_at', 0, 'p', 0],
    ['sethostname', 'p', 0],
    ['pidfd_getfd', 0, 0, 0],
    ['clone', 0x10000011, 0, 0, 0, 0],
  ] as const
  assert.deepEqual(
    errnosOf(refused),
    refused.map(() => EPERM),
  )
})

test('numbers without a system call, clone3 and openat2 fail with ENOSYS', () => {
  const calls = [[9999], [0x3fffffff], [-1], ['clone3', 'p', 88], ['openat2', -100, 'f', 'p', 24]] as const
  assert.deepEqual(errnosOf(calls), [ENOSYS, ENOSYS, ENOSYS, ENOSYS, ENOSYS])
})

test('the kernel does not see past the default filter with bits above the low 32', () => {
  const calls = [
    ['ioctl', 0, 0x5412, 'p'],
    ['ioctl', 0, '0x100005412', 'p'],
    ['ioctl', 0, '0xffffffff0000541c', 'p'],
    ['socket', 17, 3, 0],
    ['socket', '0x100000011', 3, 0],
    ['socket', 2, 10, 0],
    ['socket', 16, 3, 15],
    ['socket', 1, 1, 0],
    ['socket', '0x100000001', 1, 0],
    ['socket', 16, 3, 0],
    ['socket', 2, 1, 0],
  ] as const
  const [no, none] = [EPERM, EAFNOSUPPORT]
  assert.deepEqual(errnosOf(calls), [no, no, no, none, none, none, none, 0, 0, 0, 0])
})

test('no set-user-ID or set-group-ID file can be made, other modes can', () => {
  const create = 0o101
  const calls = [
    ['openat', -100, 'f', create, 0o4755],
    ['openat', -100, 'f', create, 0o755],
    ['openat', -100, 'f', 0, 0o4755],
    ['fchmodat', -100, 'f', 0o4755],
    ['fchmodat', -100, 'f', 0o2755],
    ['fchmodat', -100, 'f', '0xffff00000000' + (0o6755).toString(16)],
    ['fchmodat', -100, 'f', 0o755],
    ['mknodat', -100, 'p', 0o104755, 0],
  ] as const
  assert.deepEqual(errnosOf(calls), [EPERM, 0, 0, EPERM, EPERM, EPERM, 0, EPERM])
})

test('the whole table of numbers can be asked for: every refused one answers, none kills', () => {
  const harmless = Array.from({ length: 601 }, (_, nr) => nr).filter((nr) => {
    const name = Object.keys(numbers).find((key) => numbers[key] === nr)
    return name === undefined || !allowedAtAll.has(name)
  })
  const expected = harmless.map((nr) => (Object.values(numbers).includes(nr) ? EPERM : ENOSYS))
  assert.deepEqual(errnosOf(harmless.map((nr) => [nr] as const)), expected)
  assert.ok(harmless.length > 200)
})

const allowedAtAll = new Set(DEFAULT_SECCOMP_PROFILE.rules.flatMap(({ names }) => names))

test('the 32-bit entry and x32 numbers end the process with SIGSYS', { skip: ARCH !== 'x64' && 'x86-64 only' }, () => {
  const x32 = confined(join(dir, 'call'), `${0x40000000 + 39}`)
  assert.equal(x32.signal, 'SIGSYS')
  build('i386')
  // A kernel without IA32 emulation refuses the entry itself, with SIGSEGV.
  const unfiltered = spawnSync(join(dir, 'i386')).signal
  assert.equal(confined(join(dir, 'i386')).signal, unfiltered ?? 'SIGSYS')
})

test('a filter with trampolines is loaded, and decides as the profile says', () => {
  const rules = [
    ...Array.from({ length: 600 }, (_, i) => ({
      names: ['personality'],
      action: failWith(i + 1),
      args: [low32Equal(0, i + 1)],
    })),
    ...DEFAULT_SECCOMP_PROFILE.rules.filter(({ names }) => !names.includes('personality')),
    { names: ['personality'], action: ALLOW },
  ]
  const file = join(dir, 'long.bpf')
  writeFileSync(file, seccompFilter(ARCH, { ...DEFAULT_SECCOMP_PROFILE, rules }))
  const personas = [1, 2, 127, 128, 129, 255, 256, 257, 300, 511, 599, 600]
  assert.deepEqual(
    errnosOf(
      personas.map((persona) => ['personality', persona] as const),
      file,
    ),
    personas,
  )
})

test('programs work under the default filter', (t) => {
  writeFileSync(join(dir, 'hello.c'), '#include <stdio.h>\nint main(void) { return puts("hello") < 0; }\n')
  writeFileSync(
    join(dir, 'Hello.java'),
    'class Hello { public static void main(String[] a) { System.out.println("hello"); } }\n',
  )
  writeFileSync(join(dir, 'hello.rs'), 'fn main() { std::thread::spawn(|| println!("hello")).join().unwrap() }\n')
  writeFileSync(
    join(dir, 'hello.go'),
    'package main\nfunc main() { c := make(chan int); go func() { println("hello"); c <- 1 }(); <-c }\n',
  )
  const python = 'import threading, subprocess, multiprocessing as m, ssl, socket, tempfile, shutil, os, pty'
  const programs: Record<string, readonly string[]> = {
    bash: ['bash', '-c', 'x=$(echo a | tr a b); [ "$x" = b ] && (sleep 0 & wait) && cat <(echo hello)'],
    python3: [
      'python3',
      '-c',
      `${python}; m.Pool(2).map(abs, [1]); pty.openpty(); t = threading.Thread(target=print, args=("hello",)); t.start(); t.join()`,
    ],
    gcc: ['sh', '-c', 'gcc -o hello hello.c && ./hello'],
    git: [
      'sh',
      '-c',
      'git init -q repo && cd repo && git -c user.name=a -c user.email=b commit -q --allow-empty -m hello && git log',
    ],
    node: [
      'node',
      '-e',
      'new (require("worker_threads").Worker)("console.log(`hello`)", { eval: true }); require("child_process").execSync("true")',
    ],
    npm: ['sh', '-c', 'npm --version >/dev/null && echo hello'],
    javac: ['sh', '-c', 'javac Hello.java && java Hello'],
    rustc: ['sh', '-c', 'rustc -o hello-rs hello.rs && ./hello-rs'],
    go: ['sh', '-c', `GO111MODULE=off GOCACHE=${dir}/go go run hello.go 2>&1`],
    tmux: [
      'sh',
      '-c',
      'tmux -S s -f /dev/null new -d "echo hello > out; tmux -S s wait -S done; sleep 60" && tmux -S s wait done && cat out && tmux -S s kill-server',
    ],
    tar: ['sh', '-c', 'cp -a /etc/passwd p && tar cf p.tar p && tar xf p.tar && gzip p.tar && echo hello'],
    script: ['script', '-qc', 'stty -a >/dev/null && echo hello', '/dev/null'],
  }
  const absent = Object.keys(programs).filter((name) => !has(name))
  if (absent.length > 0) t.diagnostic(`not installed here: ${absent.join(', ')}`)
  for (const [name, command] of Object.entries(programs).filter(([key]) => !absent.includes(key))) {
    const { status, signal, stdout, stderr } = confined(...command)
    assert.deepEqual({ name, status, signal }, { name, status: 0, signal: null }, stderr)
    assert.match(stdout, /hello/, `${name}: ${stderr}`)
  }
  assert.ok(absent.length <= 4, `only ${Object.keys(programs).length - absent.length} programs were tried`)
})
