import { closeSync, fchmodSync, openSync } from 'node:fs'
import { InvalidInputError } from '../../base/errors.ts'
import { describeValue } from '../../linux/show-value.ts'
import { native } from '../../kernel/native.ts'
import { PipeReader } from './pipe-reader.ts'
import { PipeWriter } from './pipe-writer.ts'

/** Where one of the three standard streams goes: a pipe that this process holds, nothing, this process's own stream, or a descriptor of this process. */
export type StdioTarget = 'pipe' | 'null' | 'inherit' | number

/** The three streams, or one word for all. stderr may be 'stdout': both go the same way, in the order they were written. */
export type Stdio = StdioTarget | readonly [stdin: StdioTarget, stdout: StdioTarget, stderr: StdioTarget | 'stdout']

/** The ends of a program's standard streams. */
export interface StdioEnds {
  /** Descriptors for the program's 0, 1 and 2 */
  readonly theirs: readonly [number, number, number]
  readonly stdin: PipeWriter | null
  readonly stdout: PipeReader | null
  readonly stderr: PipeReader | null
  /** Closes what only the program needed; to be called once it has its copies. */
  release(): void
  /** Closes what is ours, when there is no program. */
  destroy(): void
}

interface End {
  /** Descriptor for the program */
  readonly theirs: number
  /** The other end of a pipe */
  readonly mine?: number
  /** Whether `theirs` was opened for the program */
  readonly opened: boolean
}

/**
 * Makes the ends that `stdio` asks for.
 * @throws InvalidInputError for an unknown word; nothing is left open when it fails
 */
export function openStdio(stdio: Stdio): StdioEnds {
  const ends: End[] = []
  try {
    for (const [index, target] of targetsOf(stdio).entries()) {
      ends.push(target === 'stdout' ? { theirs: (ends[1] as End).theirs, opened: false } : openEnd(target, index))
    }
  } catch (error) {
    for (const { theirs, mine, opened } of ends) [opened ? theirs : undefined, mine].forEach(closeIfAny)
    throw error
  }
  const [stdin, stdout, stderr] = ends.map(({ mine }) => mine)
  const streams = {
    stdin: stdin === undefined ? null : new PipeWriter(stdin),
    stdout: stdout === undefined ? null : new PipeReader(stdout),
    stderr: stderr === undefined ? null : new PipeReader(stderr),
  }
  const opened = ends.flatMap((end) => (end.opened ? [end.theirs] : []))
  return {
    theirs: ends.map(({ theirs }) => theirs) as unknown as readonly [number, number, number],
    ...streams,
    release: () => opened.splice(0).forEach((descriptor) => closeSync(descriptor)),
    destroy: () => Object.values(streams).forEach((stream) => stream?.destroy()),
  }
}

type Targets = readonly (StdioTarget | 'stdout')[]

/** @throws InvalidInputError */
function targetsOf(stdio: Stdio): Targets {
  const targets: Targets = Array.isArray(stdio) ? (stdio as Targets) : [0, 1, 2].map(() => stdio as StdioTarget)
  if (targets.length !== 3) {
    throw new InvalidInputError('stdio has three entries: stdin, stdout, stderr', { field: 'stdio' })
  }
  targets.forEach((target, index) => {
    if (target === 'pipe' || target === 'null' || target === 'inherit') return
    if (target === 'stdout' && index === 2) return
    if (typeof target === 'number' && Number.isInteger(target) && target >= 0) return
    const words = index === 2 ? "'pipe', 'null', 'inherit', 'stdout'" : "'pipe', 'null', 'inherit'"
    throw new InvalidInputError(`stdio[${index}] is ${words} or a descriptor, not ${describeValue(target)}`, {
      field: `stdio[${index}]`,
    })
  })
  return targets
}

function openEnd(target: StdioTarget, index: number): End {
  if (target === 'null') return { theirs: openSync('/dev/null', index === 0 ? 'r' : 'w'), opened: true }
  if (target === 'inherit') return { theirs: index, opened: false }
  if (typeof target === 'number') return { theirs: target, opened: false }
  const [read, write] = native().pipe(index === 0 ? 0 : OUTPUT_CAPACITY)
  // A program of another user may open /dev/stdout: a pipe's inode is its maker's, 0600.
  fchmodSync(read, 0o666)
  return index === 0 ? { theirs: read, mine: write, opened: true } : { theirs: write, mine: read, opened: true }
}

function closeIfAny(descriptor: number | undefined): void {
  if (descriptor !== undefined) closeSync(descriptor)
}

/** Bytes that a program may be ahead of its reader: fewer changes between the two than with the usual 64 KiB */
const OUTPUT_CAPACITY = 1024 * 1024
