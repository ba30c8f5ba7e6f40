import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Arch } from '../../linux/arch.ts'
import { actionValue, printActionValue } from './action-value.ts'
import { BPF_OP } from '../../linux/bpf-instructions.ts'
import { assembleSeccomp } from './compile.ts'
import { decide } from './decide.ts'
import { ALLOWED_GROUPS, REFUSED_GROUPS } from './default-groups.ts'
import { DEFAULT_SECCOMP_PROFILE } from './default-profile.ts'
import { seccompFilter, tableOptions } from './index.ts'
import { printProfile } from './print-profile.ts'
import { SECCOMP_ARCHES } from './profile.ts'
import { checkProgram, simulate } from './simulate.ts'

const ARCHES: readonly Arch[] = ['x64', 'arm64']
const PROGRAMS = {
  x64: assembleSeccomp(DEFAULT_SECCOMP_PROFILE, tableOptions('x64')),
  arm64: assembleSeccomp(DEFAULT_SECCOMP_PROFILE, tableOptions('arm64')),
}

/** Bits that the kernel ignores above a 32-bit argument */
const HIGH_BITS = [0n, 1n << 32n, 1n << 63n, 0xffffffffn << 32n]

/** The default filter's answer on an architecture. */
function answerOn(arch: Arch, name: string, args: readonly bigint[]): string {
  const nr = tableOptions(arch).numbers[name]
  assert.ok(nr !== undefined, `${name} exists on ${arch}`)
  return printActionValue(simulate(PROGRAMS[arch], { nr, arch: SECCOMP_ARCHES[arch].audit, args }).value)
}

/** The default filter's answer to a call, which must be the same on every architecture that has it. */
function answer(name: string, ...args: (bigint | number)[]): string {
  const having = ARCHES.filter((arch) => tableOptions(arch).numbers[name] !== undefined)
  const answers = new Set(having.map((arch) => answerOn(arch, name, args.map(BigInt))))
  assert.equal(answers.size, 1, `${name} on ${having.join(' and ')}: ${[...answers].join(', ')}`)
  return [...answers].join()
}

const everyHigh = (low: number): bigint[] => HIGH_BITS.map((high) => high | BigInt(low))

test('the default filter decides every number from 0 to 600 as the profile says, on both architectures', () => {
  const interesting = [
    0n,
    1n,
    2n,
    10n,
    16n,
    0x5412n,
    0x541cn,
    0o100n,
    0o4755n,
    0o2000n,
    0x10000000n,
    0x20008n,
    0xffffffffn,
  ]
  const values = [...interesting, ...interesting.map((value) => value | (1n << 32n))]
  let checked = 0
  for (const arch of ARCHES) {
    const { numbers } = tableOptions(arch)
    checkProgram(PROGRAMS[arch])
    for (let nr = 0; nr <= 600; nr++) {
      for (const [i, value] of values.entries()) {
        const args = Array.from({ length: 6 }, (_, k) => values[(i + k * nr) % values.length] ?? value)
        const call = { nr, arch: SECCOMP_ARCHES[arch].audit, args }
        const want = actionValue(decide(DEFAULT_SECCOMP_PROFILE, arch, numbers, call))
        assert.equal(simulate(PROGRAMS[arch], call).value, want, `${arch} ${nr}(${args.join(', ')})`)
        checked++
      }
    }
  }
  assert.equal(checked, 2 * 601 * 26)
})

test('the default profile says something about every system call of both tables, and nothing twice', () => {
  const grouped = [ALLOWED_GROUPS, REFUSED_GROUPS].flatMap((groups) =>
    Object.values(groups).flatMap(({ names }) => names),
  )
  const tested = new Set(
    DEFAULT_SECCOMP_PROFILE.rules.slice(Object.keys(ALLOWED_GROUPS).length).flatMap(({ names }) => names),
  )
  const spoken = [...grouped, ...tested]
  assert.deepEqual(
    spoken.filter((name, i) => spoken.indexOf(name) !== i),
    [],
    'named twice',
  )
  const table = new Set(ARCHES.flatMap((arch) => Object.keys(tableOptions(arch).numbers)))
  assert.deepEqual(
    [...table].filter((name) => !spoken.includes(name)),
    [],
    'not thought about',
  )
  assert.deepEqual(
    spoken.filter((name) => !table.has(name)),
    [],
    'not in a table',
  )
})

test('the default profile gives EPERM to every refused group', () => {
  const names = Object.values(REFUSED_GROUPS).flatMap((group) => group.names)
  for (const name of names) assert.equal(answer(name), 'ERRNO(1)', name)
  assert.ok(names.length > 70)
})

test('the default profile gives ENOSYS to calls whose arguments it cannot see, and to unknown numbers', () => {
  assert.equal(answer('clone3', 0x1000, 88), 'ERRNO(38)')
  assert.equal(answer('openat2', -100n & 0xffffffffn, 0x1000, 0x1000, 24), 'ERRNO(38)')
  for (const arch of ARCHES) {
    for (const nr of [600, 9999, 0x3fffffff]) {
      assert.equal(
        printActionValue(simulate(PROGRAMS[arch], { nr, arch: SECCOMP_ARCHES[arch].audit }).value),
        'ERRNO(38)',
      )
    }
  }
})

test('the default profile lets clone make threads and processes, but no namespace', () => {
  assert.equal(answer('clone', 0x3d0f00), 'ALLOW', 'pthread_create')
  assert.equal(answer('clone', 0x01200011), 'ALLOW', 'fork of glibc')
  assert.equal(answer('clone', 0x4111), 'ALLOW', 'posix_spawn')
  for (const flag of [0x20000, 0x2000000, 0x4000000, 0x8000000, 0x10000000, 0x20000000, 0x40000000]) {
    for (const flags of everyHigh(flag | 17)) assert.equal(answer('clone', flags), 'ERRNO(1)', flags.toString(16))
  }
})

test('the default profile refuses TIOCSTI and TIOCLINUX whatever is above 32 bits, and no other command', () => {
  for (const command of [...everyHigh(0x5412), ...everyHigh(0x541c)]) {
    assert.equal(answer('ioctl', 0, command), 'ERRNO(1)', command.toString(16))
  }
  for (const command of [0x5401, 0x5411, 0x5413, 0x5414, 0x541b, 0x541d, 0x80045430, 0xffff5412, 0x15412]) {
    assert.equal(answer('ioctl', 0, command), 'ALLOW', command.toString(16))
  }
})

test('the default profile makes sockets of four families only', () => {
  for (let family = 0; family <= 50; family++) {
    const wanted = [1, 2, 10, 16].includes(family) ? 'ALLOW' : 'ERRNO(97)'
    for (const value of everyHigh(family)) assert.equal(answer('socket', value, 0x80801, 0), wanted, value.toString(16))
    for (const value of everyHigh(family)) {
      assert.equal(answer('socketpair', value, 1, 0), family === 1 ? 'ALLOW' : 'ERRNO(97)', value.toString(16))
    }
  }
  for (let protocol = 1; protocol < 25; protocol++)
    assert.equal(answer('socket', 16, 3, protocol), 'ERRNO(97)', `netlink ${protocol}`)
  assert.equal(answer('socket', 16, 3, 1n << 32n), 'ALLOW', 'the kernel reads 32 bits of the protocol')
})

test('the default profile refuses SOCK_PACKET, which becomes AF_PACKET inside the kernel', () => {
  for (const type of [...everyHigh(10), ...everyHigh(10 | 0x80000), ...everyHigh(10 | 0x800)]) {
    for (const family of [1, 2, 10, 16]) assert.equal(answer('socket', family, type, 0), 'ERRNO(97)', type.toString(16))
  }
})

test('the default profile lets no file become set-user-ID or set-group-ID', () => {
  const calls: Record<string, (mode: bigint) => bigint[]> = {
    chmod: (mode) => [0n, mode],
    fchmod: (mode) => [0n, mode],
    creat: (mode) => [0n, mode],
    mknod: (mode) => [0n, mode],
    fchmodat: (mode) => [0n, 0n, mode],
    fchmodat2: (mode) => [0n, 0n, mode],
    mknodat: (mode) => [0n, 0n, mode],
    open: (mode) => [0n, 0o101n, mode],
    openat: (mode) => [0n, 0n, 0o101n, mode],
  }
  for (const [name, args] of Object.entries(calls)) {
    for (const mode of [0o4000, 0o2000, 0o6000, 0o4755, 0o2755, 0o104755, 0o7777].flatMap(everyHigh)) {
      assert.equal(answer(name, ...args(mode)), 'ERRNO(1)', `${name} ${mode.toString(8)}`)
    }
    for (const mode of [0, 0o644, 0o755, 0o1777, 0o100755, 0o010666].flatMap(everyHigh)) {
      assert.equal(answer(name, ...args(mode)), 'ALLOW', `${name} ${mode.toString(8)}`)
    }
  }
})

test('the default profile looks at the mode of open only where the kernel does', () => {
  for (const [flags, wanted] of [
    [0, 'ALLOW'],
    [0o2, 'ALLOW'],
    [0o200000, 'ALLOW'],
    [0o40000, 'ALLOW'],
    [0o100, 'ERRNO(1)'],
    [0o2000102, 'ERRNO(1)'],
    [0o20200002, 'ERRNO(1)'],
    [0o20040002, 'ERRNO(1)'],
  ] as const) {
    for (const value of everyHigh(flags)) {
      assert.equal(answer('open', 0, value, 0o4777), wanted, value.toString(8))
      assert.equal(answer('openat', 0, 0, value, 0o4777), wanted, value.toString(8))
    }
  }
})

test('the default profile allows five values of personality', () => {
  for (const persona of [0, 8, 0x20000, 0x20008, 0xffffffff]) assert.equal(answer('personality', persona), 'ALLOW')
  for (const persona of [1, 9, 0x40000, 0x400000, 0x20009, 0xfffffffe, 0x7fffffff]) {
    for (const value of everyHigh(persona)) assert.equal(answer('personality', value), 'ERRNO(1)', value.toString(16))
  }
})

test('the default filter is short, and decides by number within 13 instructions', () => {
  for (const arch of ARCHES) {
    assert.ok(PROGRAMS[arch].length < 200, `${PROGRAMS[arch].length} instructions`)
    const { read, futex, close, mmap } = tableOptions(arch).numbers
    for (const nr of [read, futex, close, mmap]) {
      const { steps } = simulate(PROGRAMS[arch], { nr: nr ?? -1, arch: SECCOMP_ARCHES[arch].audit })
      assert.ok(steps <= 13, `${steps} steps for ${nr} on ${arch}`)
    }
    const lastLoad = PROGRAMS[arch].filter(({ code, k }) => code === BPF_OP.LD_W_ABS && k === 8)
    assert.deepEqual(lastLoad, [], 'no decision rests on the instruction pointer')
  }
})

test('seccompFilter() compiles the default profile once per architecture', () => {
  for (const arch of ARCHES) {
    assert.equal(seccompFilter(arch), seccompFilter(arch))
    assert.equal(seccompFilter(arch).length, 8 * PROGRAMS[arch].length)
  }
  assert.notEqual(seccompFilter('x64', { ...DEFAULT_SECCOMP_PROFILE }), seccompFilter('x64'))
})

test('printProfile() prints one line per rule and the three ends', () => {
  const lines = printProfile(DEFAULT_SECCOMP_PROFILE).split('\n')
  assert.equal(lines.length, DEFAULT_SECCOMP_PROFILE.rules.length + 3)
  assert.ok(lines.includes('clone if (arg0 & 0x7e020000) == 0x0: ALLOW'))
  assert.deepEqual(lines.slice(-3), [
    'any other call: ERRNO(1)',
    'unknown number: ERRNO(38)',
    'other architecture: KILL_PROCESS',
  ])
})
