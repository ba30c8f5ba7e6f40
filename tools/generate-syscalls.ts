/**
 * Writes src/linux/tables/syscalls-{x64,arm64}.ts and src/bundle/seccomp/syscalls-i386.ts from the kernel headers of this machine
 * (linux-libc-dev) and, for calls newer than those headers, from a supplement with the kernel versions that added them. Prints how many calls each table holds.
 *
 *     node --import tsx tools/generate-syscalls.ts
 */
import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'

/** Calls newer than Debian 12's headers (6.1): name, number, kernel version; one number on all architectures since 424. */
const NEWER: readonly (readonly [name: string, number: number, since: string])[] = [
  ['cachestat', 451, '6.5'],
  ['fchmodat2', 452, '6.6'],
  ['map_shadow_stack', 453, '6.6'],
  ['futex_wake', 454, '6.7'],
  ['futex_wait', 455, '6.7'],
  ['futex_requeue', 456, '6.7'],
  ['statmount', 457, '6.8'],
  ['listmount', 458, '6.8'],
  ['lsm_get_self_attr', 459, '6.8'],
  ['lsm_set_self_attr', 460, '6.8'],
  ['lsm_list_modules', 461, '6.8'],
  ['mseal', 462, '6.10'],
  ['setxattrat', 463, '6.13'],
  ['getxattrat', 464, '6.13'],
  ['listxattrat', 465, '6.13'],
  ['removexattrat', 466, '6.13'],
  ['open_tree_attr', 467, '6.15'],
  ['file_getattr', 468, '6.17'],
  ['file_setattr', 469, '6.17'],
]

/** Numbers that only x86-64 has. */
const NEWER_X64: typeof NEWER = [
  ['uretprobe', 335, '6.11'],
  ['uprobe', 336, '6.18'],
]

/** What arch/arm64/include/uapi/asm/unistd.h defines before it includes the generic table. */
const ARM64_WANTS = ['RENAMEAT', 'NEW_STAT', 'SET_GET_RLIMIT', 'SYS_CLONE3', 'MEMFD_SECRET']

/** The call numbers that a header defines, by name. */
export function numbersIn(header: string, defines: readonly string[]): Map<string, number> {
  const text = execFileSync('cc', ['-E', '-dM', ...defines.map((name) => `-D${name}`), '-'], {
    input: `#include <${header}>\n`,
    encoding: 'utf8',
  })
  const macros = new Map<string, string>()
  for (const [, name, value] of text.matchAll(/^#define (__NR\w+) (\w+)$/gm)) macros.set(name!, value!)
  const numbers = new Map<string, number>()
  for (const name of macros.keys()) {
    if (!name.startsWith('__NR_') || name === '__NR_syscalls' || name === '__NR_arch_specific_syscall') continue
    let value = macros.get(name)!
    while (macros.has(value)) value = macros.get(value)!
    numbers.set(name.slice('__NR_'.length), Number(value))
  }
  return numbers
}

/** The call numbers of x86-64 in the headers of this machine. */
export const headersX64 = (): Map<string, number> => numbersIn('asm/unistd_64.h', [])

/** The call numbers of arm64 in the headers of this machine. */
export const headersArm64 = (): Map<string, number> =>
  numbersIn(
    'asm-generic/unistd.h',
    ARM64_WANTS.map((name) => `__ARCH_WANT_${name}`),
  )

/** The call numbers of 32-bit programs on x86 in the headers of this machine. */
export const headersI386 = (): Map<string, number> => numbersIn('asm/unistd_32.h', [])

function render(constant: string, title: string, known: Map<string, number>, newer: typeof NEWER): string {
  const since = new Map(newer.map(([name, , version]) => [name, version]))
  for (const [name, number] of newer) known.set(name, number)
  const rows = [...known].toSorted((a, b) => a[1] - b[1])
  const lines = rows.map(([name, n]) => {
    const version = since.get(name)
    return `  ${name}: ${n},${version ? ` // Linux ${version}` : ''}`
  })
  return file(constant, title, lines)
}

/** A table that nobody reads line by line: as many entries a line as there is room for. */
function renderTight(constant: string, title: string, known: Map<string, number>, newer: typeof NEWER): string {
  for (const [name, number] of newer) known.set(name, number)
  const lines = ['']
  for (const [name, number] of [...known].toSorted((a, b) => a[1] - b[1])) {
    const entry = ` ${name}: ${number},`
    if (` ${lines.at(-1)}${entry} `.length > LINE) lines.push('')
    lines[lines.length - 1] += entry
  }
  return file(
    constant,
    title,
    lines.map((line) => ` ${line}`),
    '// prettier-ignore\n',
  )
}

const LINE = 120

function file(constant: string, title: string, lines: readonly string[], mark = ''): string {
  const note = `/** System call numbers of ${title}; written by tools/generate-syscalls.ts. */`
  console.log(`${constant}: ${lines.length} lines`)
  return `${note}\n${mark}export const ${constant} = {\n${lines.join('\n')}\n} as const\n`
}

const target = (path: string): string => fileURLToPath(new URL(`../src/${path}`, import.meta.url))

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  const x64 = render('SYSCALLS_X64', 'x86-64', headersX64(), [...NEWER, ...NEWER_X64])
  const arm64 = render('SYSCALLS_ARM64', 'arm64', headersArm64(), NEWER)
  const i386 = renderTight('SYSCALLS_I386', '32-bit x86', headersI386(), NEWER)
  writeFileSync(target('linux/tables/syscalls-x64.ts'), x64)
  writeFileSync(target('linux/tables/syscalls-arm64.ts'), arm64)
  writeFileSync(target('bundle/seccomp/syscalls-i386.ts'), i386)
}
