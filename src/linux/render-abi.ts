import type { Arch, PerArch } from './arch.ts'
import type { ConstantSet } from './constant-set.ts'
import type { Struct } from './struct.ts'
import { STRUCTS } from './structs/index.ts'
import { SYSCALLS_ARM64 } from './tables/syscalls-arm64.ts'
import { SYSCALLS_X64 } from './tables/syscalls-x64.ts'
import * as tables from './tables/index.ts'

/**
 * libc's number of the first real-time signal is not the kernel's, and these have no macro of that name in any header:
 * strace's names of real-time signals, a flag that libc keeps to itself, a control message without a public name.
 */
const NOT_ASSERTED = /^(SIGRT\w+|O_LARGEFILE|MEMBARRIER_CMD_QUERY)$/

/** What a header needs included before it. */
const BEFORE: Readonly<Record<string, readonly string[]>> = {
  'asm/statfs.h': ['linux/types.h'],
  'linux/fs.h': ['linux/blktrace_api.h', 'linux/fiemap.h', 'linux/loop.h'],
  'linux/if.h': ['sys/socket.h'],
  'linux/if_tun.h': ['linux/filter.h', 'sys/ioctl.h'],
  'linux/seccomp.h': ['sys/ioctl.h', 'linux/types.h'],
  'linux/sched/types.h': ['linux/types.h'],
  'linux/mount.h': ['fcntl.h'],
  'linux/audit.h': ['elf.h'],
  'linux/tcp.h': ['sys/socket.h'],
  'sys/ioctl.h': ['asm/termbits.h', 'linux/serial.h'],
  'linux/sockios.h': ['sys/ioctl.h'],
}

/** What the compiler defines for a machine. */
const MACHINE: Readonly<Record<Arch, string>> = { x64: '__x86_64__', arm64: '__aarch64__' }

interface Part {
  readonly header: string
  readonly lines: string[]
}

const literal = (value: number): string => (value < 0 ? `${value}` : `${value}u`).replace(/(\d{10,})u/, '$1ull')

function constantLines(set: ConstantSet, name: string, value: PerArch): string[] {
  const same = typeof value === 'number'
  const lines = same
    ? [assertion(name, value)]
    : [
        '#if defined(__x86_64__)',
        assertion(name, value.x64),
        '#elif defined(__aarch64__)',
        assertion(name, value.arm64),
        '#endif',
      ]
  if (set.isEnum) return set.newer?.includes(name) ? [] : lines
  const whole = [`#ifdef ${name}`, ...lines, '#else', `extern char missing_${name};`, '#endif']
  return set.arch === undefined ? whole : [`#ifdef ${MACHINE[set.arch]}`, ...whole, '#endif']
}

/** Compared in 32 bits where both fit: the signedness of a macro is the header's affair. */
function assertion(name: string, value: number): string {
  const cast = value >= -(2 ** 31) && value < 2 ** 32 ? 'unsigned' : 'unsigned long long'
  return `_Static_assert((${cast})(${name}) == (${cast})${literal(value)}, "${name}");`
}

function structLines(struct: Struct): string[] {
  if (struct.c === '') return []
  const lines: string[] = []
  const arches: readonly (readonly [Arch, string])[] = [
    ['x64', '#if defined(__x86_64__)'],
    ['arm64', '#elif defined(__aarch64__)'],
  ]
  for (const [arch, condition] of arches) lines.push(condition, ...layoutLines(struct, arch))
  lines.push('#endif')
  if (struct.since === undefined) return lines
  return [`#ifdef ${struct.since}`, ...lines, '#else', `extern char missing_struct_${struct.name};`, '#endif']
}

function layoutLines(struct: Struct, arch: Arch): string[] {
  const { fields, size } = struct.layout(arch)
  const whole = struct.partial ? [] : [`_Static_assert(sizeof(${struct.c}) == ${size}, "${struct.name}");`]
  if (struct.union) return whole
  const offsets = fields
    .filter(({ kind }) => kind.decoded !== 'never' || kind.input !== 'never')
    .map(({ name, at }) => `_Static_assert(offsetof(${struct.c}, ${name}) == ${at}, "${struct.name}.${name}");`)
  return [...whole, ...offsets]
}

function syscallLines(numbers: Readonly<Record<string, number>>): string[] {
  return Object.entries(numbers).flatMap(([name, number]) => [
    `#ifdef __NR_${name}`,
    `_Static_assert(__NR_${name} == ${number}, "${name}");`,
    '#else',
    `extern char missing_${name};`,
    '#endif',
  ])
}

function parts(): Part[] {
  const byHeader = new Map<string, string[]>()
  const into = (header: string): string[] => {
    let lines = byHeader.get(header)
    if (!lines) byHeader.set(header, (lines = []))
    return lines
  }
  const seen = new Set<string>()
  for (const [, set] of Object.entries(tables).toSorted(([a], [b]) => (a < b ? -1 : 1))) {
    if (!('kind' in set)) continue
    const { header, values } = set as ConstantSet
    for (const [name, value] of Object.entries(values)) {
      if (NOT_ASSERTED.test(name) || seen.has(`${header} ${name}`)) continue
      seen.add(`${header} ${name}`)
      into(header).push(...constantLines(set as ConstantSet, name, value))
    }
  }
  for (const struct of Object.values(STRUCTS)) into(struct.header).push(...structLines(struct))
  into('sys/syscall.h').push(
    '#if defined(__x86_64__)',
    ...syscallLines(SYSCALLS_X64),
    '#elif defined(__aarch64__)',
    ...syscallLines(SYSCALLS_ARM64),
    '#endif',
  )
  return [...byHeader]
    .filter(([, lines]) => lines.length)
    .map(([header, lines]) => ({ header, lines }))
    .toSorted((a, b) => (a.header < b.header ? -1 : 1))
}

/**
 * The text of agent/generated/abi.c: every constant, size and offset of the tables held against the headers of the machine that
 * compiles it. Headers of libc and of the kernel contradict each other, so each has a part of its own: compile once per
 * `-DABI_PART=n`, n from 1 to `ABI_PARTS`. What a header does not know yet is declared as `missing_NAME`, to be counted.
 */
export function renderAbi(): string {
  const all = parts()
  const text = all.map(({ header, lines }, index) => {
    const includes = [...(BEFORE[header] ?? []), header, 'stddef.h'].map((name) => `#include <${name}>`)
    return [`#${index ? 'elif' : 'if'} ABI_PART == ${index + 1} /* ${header} */`, ...includes, ...lines].join('\n')
  })
  return `/* Generated by src/linux/render-abi.ts from the tables of constants and structs: do not edit.
 * Holds them against the headers of this machine; compile once per part: cc -fsyntax-only -DABI_PART=n abi.c */
/* clang-format off */
#define _GNU_SOURCE
#define ABI_PARTS ${all.length}
#ifndef ABI_PART
#error "say which part: -DABI_PART=n"
#endif
${text.join('\n')}
#else
#error "ABI_PART is beyond ABI_PARTS"
#endif
`
}
