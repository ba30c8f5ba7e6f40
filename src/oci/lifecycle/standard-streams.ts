import { NULL_NODE } from '../../bundle/root/device-list.ts'
import { makedev } from '../../linux/params.ts'
import { readLink, readText, writeText } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { type FileStat, stat } from '../../kernel/stat.ts'
import { mountId } from './outside-mounts.ts'

/**
 * File among the images: what the standard descriptors of the first process are to criu(8): `pipe:[INODE]`, `socket:[INODE]`,
 * `file[MOUNT:INODE]`, `tty[DEVICE:DEVICE]`; and `null[MOUNT:INODE]` for the null device. The first two are what other runtimes write.
 */
const FILE = 'descriptors.json'

/** What the standard descriptors of a process are. Those that are closed, or of a kind that criu makes again, have no name. */
export const streamNames = (kernel: Kernel, pid: number): readonly string[] =>
  [0, 1, 2].map((fd) => streamName(kernel, pid, fd))

function streamName(kernel: Kernel, pid: number, fd: number): string {
  const link = readLink(kernel, `/proc/${pid}/fd/${fd}`) ?? ''
  const facts = link.startsWith('/') ? stat(kernel, `/proc/${pid}/fd/${fd}`) : undefined
  if (!facts) return link
  if (isTerminal(facts)) return `tty[${hex(numberOf(facts.rdev))}:${hex(numberOf(facts.device))}]`
  const type = facts.kind === 'character' && numberOf(facts.rdev) === NULL_DEVICE ? 'null' : 'file'
  const mount = mountId(kernel, `/proc/${pid}/fdinfo/${fd}`) ?? 0
  // A file of the container's own mounts is none from outside.
  const mounts = readText(kernel, `/proc/${pid}/mountinfo`) ?? ''
  return new RegExp(`^${mount} `, 'm').test(mounts) ? '' : `${type}[${hex(mount)}:${hex(facts.inode)}]`
}

/** Majors of terminals (admin-guide/devices.txt): 4, 5 of lines and 136 to 143 of pseudo-terminals */
const isTerminal = ({ kind, rdev: { major } }: FileStat): boolean =>
  kind === 'character' && (major === 4 || major === 5 || (major >= 136 && major <= 143))

const NULL_DEVICE = makedev(NULL_NODE.major, NULL_NODE.minor)
const numberOf = ({ major, minor }: FileStat['rdev']): number => makedev(major, minor)
const hex = (value: number | bigint): string => value.toString(16)

/** Notes them, so that a restored process can get others in their place. */
export function saveStreams(kernel: Kernel, images: string, names: readonly string[]): void {
  writeText(kernel, `${images}/${FILE}`, JSON.stringify(names), 0o600)
}

/** Words of a dump: these files belong to somebody else. Pipes and sockets say so themselves. */
export const outsideStreamWords = (names: readonly string[]): string[] =>
  [...new Set(names)].flatMap((name) => (/^(?:file|tty|null)\[/.test(name) ? ['--external', criuName(name)] : []))

const criuName = (name: string): string => name.replace(/^null\[/, 'file[')

const NAME = /^(?:(?:pipe|socket):\[\d+\]|(?:file|tty|null)\[[\da-f]+:[\da-f]+\])$/

/** Numbers of descriptors that criu has for a restored container. */
export interface OfferedStreams {
  /** Of the first stream; the two others follow */
  readonly first: number
  /** Of the null device, open for both directions */
  readonly null: number
}

/**
 * Words of a restore that give descriptors of criu's own to what the streams were. What was one file stays one, that of its last
 * stream: an output when there is one; what was the null device stays that.
 */
export function inheritedStreams(kernel: Kernel, images: string, offered: OfferedStreams): string[] {
  const text = readText(kernel, `${images}/${FILE}`)
  const names = text === undefined ? [] : (JSON.parse(text) as readonly unknown[])
  const given = names.flatMap((name, index) =>
    typeof name === 'string' && NAME.test(name) && index < 3 ? [[name, offered.first + index] as const] : [],
  )
  return [...new Map(given)].flatMap(([name, fd]) => [
    '--inherit-fd',
    `fd[${name.startsWith('null') ? offered.null : fd}]:${criuName(name)}`,
  ])
}
