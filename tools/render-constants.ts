import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { valueOn } from '../src/linux/arch.ts'
import type { ConstantSet } from '../src/linux/constant-set.ts'
import { CONSTANTS, type ConstantGroup } from '../src/linux/constants.ts'
import { SYSCALLS } from '../src/linux/syscalls.ts'
import { ERRNO, ERRNO_TEXTS, type Errno } from '../src/linux/tables/errno.ts'
import { declarationsOf } from './declarations.ts'
import type { GeneratedFile } from './generated-file.ts'
import { code, escapeMarkdown, generatedFrom, list, table } from './markdown.ts'
import { projectFiles, ROOT } from './project-files.ts'

const GROUPS = Object.keys(CONSTANTS) as ConstantGroup[]
const setsOf = (group: ConstantGroup): readonly ConstantSet[] => CONSTANTS[group]

/** Docstrings of the sets, by the name of their type. */
const DOCS: ReadonlyMap<string, string> = new Map(
  [...projectFiles('src/linux/tables'), 'src/linux/mount-words.ts'].flatMap((file) => {
    const source = readFileSync(join(ROOT, file), 'utf8')
    const sets = declarationsOf(source).filter(({ kind }) => kind === 'const')
    return sets.map(({ text, doc }): [string, string] => [/(?:flag|choice)Set\(\s*'(\w+)'/.exec(text)?.[1] ?? '', doc])
  }),
)

const INTRODUCTION = `# Constants

Every constant of the kernel's headers that calls take or give, by subject. Where a call takes flags or a choice it takes these names.
By hand:

\`\`\`text
import { constantFlags, constantName, constantNames, constantValue, defineConstants, mountArguments } from 'carrel/linux'

constantValue('clone', 'CLONE_NEWNS')          // 131072
constantName('errno', 2)                       // 'ENOENT'
constantFlags('mount', 0x1006)                 // ['MS_NOSUID', 'MS_NODEV', 'MS_BIND']
constantNames('rlimit')                        // ['RLIMIT_CPU', …]
defineConstants(['O_CLOEXEC', 'MS_BIND'])      // of any group, put together with |
mountArguments('rdonly,nosuid,size=1m')        // { flags: ['MS_RDONLY', 'MS_NOSUID'], data: 'size=1m' }
\`\`\`

An unknown group or name does not compile; from JavaScript it is an \`InvalidInputError\` that offers the nearest names. A constant that
only the other architecture has is an \`UnsupportedError\`. Values are compared with the headers of the machine that builds
(\`agent/generated/abi.c\`).
`

/** The page docs/reference/constants.md: the groups. */
export function renderConstants(): string {
  const rows = GROUPS.map((group) => {
    const sets = setsOf(group)
    const count = new Set(sets.flatMap((set) => Object.keys(set.values))).size
    return `[${group}](constants/${group}.md): ${count} names; ${sets.map((set) => code(set.name)).join(', ')}`
  })
  return `${generatedFrom('src/linux/constants.ts')}\n${INTRODUCTION}\n${list(rows)}`
}

/** The page of a group in docs/reference/constants/. */
export function renderGroup(group: ConstantGroup): string {
  const sections = group === 'syscall' ? [syscallTable()] : setsOf(group).map(renderSet)
  return `${generatedFrom('src/linux/constants.ts')}\n# Constants: ${group}\n\n${sections.join('\n')}\nAll groups: [constants](../constants.md)\n`
}

function renderSet(set: ConstantSet): string {
  const header = set.header.endsWith('.h') ? `${code(`#include <${set.header}>`)}` : set.header
  const only = set.arch === undefined ? '' : `, on ${set.arch === 'x64' ? 'x86-64' : set.arch} only`
  const how = set.kind === 'flags' ? 'Flags, put together with `|`' : 'One of them is chosen'
  const head = ['name', 'value', ...(set === ERRNO ? ['text'] : [])]
  const rows = Object.entries(set.values).map(([name, value]) => [
    code(name),
    values(valueOn('x64', value), valueOn('arm64', value)),
    ...(set === ERRNO ? [ERRNO_TEXTS[name as Errno]] : []),
  ])
  return `## ${set.name}\n\n${escapeMarkdown(DOCS.get(set.name) ?? '')}\n\n${how}; ${header}${only}.\n\n${table(head, rows)}`
}

const values = (x64: number, arm64: number): string =>
  x64 === arm64 ? number(x64) : `${number(x64)} (arm64: ${number(arm64)})`

const number = (value: number): string => (value < 10 ? String(value) : `${value} = 0x${value.toString(16)}`)

function syscallTable(): string {
  const { x64, arm64 } = SYSCALLS
  const names = [...new Set([...Object.keys(x64), ...Object.keys(arm64)])].toSorted()
  const rows = names.map((name) => [code(name), String(x64[name] ?? ''), String(arm64[name] ?? '')])
  return `Numbers of system calls; \`#include <sys/syscall.h>\`.\n\n${table(['name', 'x86-64', 'arm64'], rows)}`
}

/** The generated pages of this file, for tools/generators.ts. */
export const generated = (): readonly GeneratedFile[] => [
  { path: 'docs/reference/constants.md', render: renderConstants },
  ...GROUPS.map((group) => ({ path: `docs/reference/constants/${group}.md`, render: () => renderGroup(group) })),
]
