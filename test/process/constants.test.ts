import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import {
  type ConstantGroup,
  constantName,
  constantNames,
  constantValue,
  ERRNO_TEXTS,
  type Errno,
  errnoName,
  syscallNumber,
} from '../../src/linux/index.ts'
import { checkMachine } from '../support/machine-check.ts'

checkMachine()

let folder: string
before(() => (folder = mkdtempSync(join(tmpdir(), 'carrel-constants-'))))
after(() => rmSync(folder, { recursive: true }))

/** Headers that define what the macros of another one are made of. */
const NEEDED: Readonly<Record<string, readonly string[]>> = {
  'asm/ioctls.h': ['sys/types.h', 'asm/termbits.h', 'linux/serial.h'],
  'linux/if_tun.h': ['sys/ioctl.h', 'linux/filter.h'],
  'linux/mount.h': ['fcntl.h'],
  'linux/seccomp.h': ['sys/ioctl.h', 'linux/types.h'],
  'linux/sockios.h': ['sys/ioctl.h'],
}

/** The macros of a header whose names match, by their values as this machine's compiler computes them. */
function macrosOf(header: string, names: RegExp): ReadonlyMap<string, bigint> {
  const include = `#define _GNU_SOURCE\n${[...(NEEDED[header] ?? []), header].map((each) => `#include <${each}>\n`).join('')}`
  const macros = run('cc', ['-dM', '-E', '-'], include).match(/(?<=^#define )\w+(?= )/gm) ?? []
  const lines = macros.filter((name) => names.test(name)).map((name) => `P(${name});`)
  const source = `${include}#include <stdio.h>
#define P(x) printf(#x " %lld\\n", (long long)(x))
int main(void) { ${lines.join('\n')} }`
  run('cc', ['-x', 'c', '-w', '-o', join(folder, 'print'), '-'], source)
  const rows = run(join(folder, 'print'), [], '').trim().split('\n')
  return new Map(rows.map((row) => [row.split(' ')[0] ?? '', BigInt(row.split(' ')[1] ?? 0)]))
}

function run(command: string, args: readonly string[], input: string): string {
  const { status, stdout, stderr } = spawnSync(command, args, { input, encoding: 'utf8' })
  assert.equal(status, 0, stderr)
  return stdout
}

/** Compared in 32 bits where both fit: whether `1 << 31` is negative is the affair of the header. */
function bits(value: bigint): bigint {
  return value >= -(2n ** 31n) && value < 2n ** 32n ? BigInt.asUintN(32, value) : BigInt.asUintN(64, value)
}

/** Every macro of the header that is a constant to pass has its number in the group, and the number leads back to a name of it. */
function holdsAgainst(group: ConstantGroup, header: string, names: RegExp, most: number): void {
  const macros = macrosOf(header, names)
  assert.ok(macros.size >= most, `${header} has ${macros.size} names, not ${most}`)
  for (const [name, number] of macros) {
    const value = constantValue(group, name as never)
    assert.equal(bits(BigInt(value)), bits(number), name)
    const found = constantName(group, value)
    assert.equal(found === undefined ? found : constantValue(group, found), value, name)
  }
}

test('C14, A69: the group "clone" holds every flag of linux/sched.h', () => {
  holdsAgainst('clone', 'linux/sched.h', /^CLONE_(?!ARGS_SIZE)/, 26)
  const namespaces = constantNames('clone').filter((name) => name.startsWith('CLONE_NEW'))
  assert.equal(namespaces.length, 8)
})

test('C19, A69: the group "errno" holds every error of errno.h, and errnoName() names each number', () => {
  holdsAgainst('errno', 'errno.h', /^E[A-Z0-9]+$/, 130)
  for (const [name, number] of macrosOf('errno.h', /^E[A-Z0-9]+$/)) {
    assert.equal(constantValue('errno', errnoName(Number(number)) as Errno), Number(number), name)
  }
  assert.equal(constantName('errno', 41), undefined)
})

test('ERRNO_TEXTS says of each error what strerror(3) says', () => {
  const names = Object.keys(ERRNO_TEXTS) as Errno[]
  const lines = names.map((name) => `puts(strerror(${name}));`).join('\n')
  run(
    'cc',
    ['-x', 'c', '-o', join(folder, 'say'), '-'],
    `#include <errno.h>\n#include <stdio.h>\n#include <string.h>\nint main(void) { ${lines} }`,
  )
  assert.deepEqual(
    run(join(folder, 'say'), [], '').trim().split('\n'),
    names.map((name) => ERRNO_TEXTS[name]),
  )
})

test('C24, A69: the group "fcntl" holds every command and seal of linux/fcntl.h', () => {
  holdsAgainst('fcntl', 'linux/fcntl.h', /^F_(?!LINUX_SPECIFIC|EXLCK|SHLCK)/, 38)
})

test('C26, A69: the group "open" holds every flag of fcntl.h', () => {
  // libc says 0 for O_LARGEFILE, which it always passes itself.
  holdsAgainst('open', 'fcntl.h', /^O_(?!ACCMODE|LARGEFILE)/, 21)
})

test('C44, A69: the group "ioctl" holds the requests to terminals, network interfaces and tun devices', () => {
  holdsAgainst('ioctl', 'asm/ioctls.h', /^(?:TC(?:GET|SET|SBRK|XONC|FLSH)|TIOC(?!SER_TEMT)|FIO)/, 74)
  holdsAgainst('ioctl', 'linux/sockios.h', /^SIOC(?!GSTAMP(?:NS)?$)/, 80)
  holdsAgainst('ioctl', 'linux/if_tun.h', /^TUN(?:[SGAD]|_F_)/, 30)
})

test('C55, A69: the group "mount" holds every flag of mount(2) and umount2(2), and the short words', () => {
  holdsAgainst(
    'mount',
    'linux/mount.h',
    /^(?:MS|MOUNT_ATTR|MOVE_MOUNT|OPEN_TREE|FSMOUNT|FSOPEN|FSPICK)_(?!_)(?!.*(?:MASK|SIZE_VER\d)$)/,
    57,
  )
  holdsAgainst('mount', 'sys/mount.h', /^(?:MNT|UMOUNT)_/, 4)
  for (const word of ['rdonly', 'nosuid', 'noexec', 'noatime'] as const) {
    assert.equal(constantValue('mount', word), constantValue('mount', `MS_${word.toUpperCase()}` as 'MS_RDONLY'))
  }
})

test('C60, A69: the group "prctl" holds every operation and value of linux/prctl.h', () => {
  holdsAgainst('prctl', 'linux/prctl.h', /^PR_/, 143)
})

test('C63, A69: the group "ptrace" holds every request, option and event of linux/ptrace.h', () => {
  holdsAgainst('ptrace', 'linux/ptrace.h', /^PTRACE_(?!O_MASK|PEEKSIGINFO_SHARED)/, 44)
})

test('C66, A69: the groups "rlimit" and "priority" hold every name of sys/resource.h', () => {
  holdsAgainst('rlimit', 'sys/resource.h', /^RLIMIT_(?!NLIMITS)/, 17)
  holdsAgainst('priority', 'sys/resource.h', /^PRIO_(?!MAX|MIN)/, 3)
})

test('C69, A69: the group "seccomp" holds every name of linux/seccomp.h that is no mask', () => {
  holdsAgainst('seccomp', 'linux/seccomp.h', /^SECCOMP_(?!IOC|RET_(?:ACTION|DATA))/, 20)
})

test('C87, A69: the group "signal" holds every signal of signal.h', () => {
  // The first real-time signals are libc's own, whose SIGRTMIN is therefore another.
  holdsAgainst('signal', 'signal.h', /^SIG(?!RTMIN|RTMAX|EV_|STKSZ)[A-Z0-9]+$/, 34)
})

test('C90, A69: the group "syscall" holds every call of this machine\'s headers', () => {
  const macros = macrosOf('sys/syscall.h', /^__NR_/)
  assert.ok(macros.size >= 300)
  for (const [macro, number] of macros) {
    const name = macro.slice('__NR_'.length)
    assert.equal(BigInt(constantValue('syscall', name as 'read')), number, name)
    assert.equal(constantName('syscall', number), name)
    assert.equal(syscallNumber(process.arch === 'arm64' ? 'arm64' : 'x64', name), Number(number))
  }
})

test('A69: the groups "socket" and "wait" hold the names of their headers', () => {
  holdsAgainst('socket', 'sys/socket.h', /^(?:AF|SOCK|SOL|SO)_(?!MAX)/, 150)
  holdsAgainst('wait', 'linux/wait.h', /^(?:W|__W(?=ALL|NO|CLONE))[A-Z]+$/, 5)
})
