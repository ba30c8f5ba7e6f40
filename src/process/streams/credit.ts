import { InvalidInputError } from '../../base/errors.ts'
import { describeValue } from '../../linux/show-value.ts'
import { PipeReader } from './pipe-reader.ts'

/** Bytes per output stream; Infinity: as many as there are. */
export interface Credit {
  readonly stdout?: number
  readonly stderr?: number
}

/** A number counts for each stream that is a pipe. */
export type CreditOption = number | Credit

type Streams = Readonly<Record<keyof Credit, unknown>>

const NAMES = ['stdout', 'stderr'] as const

/**
 * The pipes that a credit is about, with the bytes of each.
 * @throws InvalidInputError for a number that is no count of bytes, or a stream that is not a pipe
 */
export function creditOf(option: CreditOption, streams: Streams, field = 'credit'): readonly [PipeReader, number][] {
  if (typeof option !== 'object' || option === null) {
    assertBytes(option, field)
    return NAMES.flatMap((name): [PipeReader, number][] => {
      const stream = streams[name]
      return stream instanceof PipeReader ? [[stream, option]] : []
    })
  }
  return NAMES.flatMap((name): [PipeReader, number][] => {
    const bytes = option[name]
    if (bytes === undefined) return []
    assertBytes(bytes, `${field}.${name}`)
    return [[pipeOf(streams[name], `${field}.${name}`), bytes]]
  })
}

/** What is left of the credit of each stream; without `stdout` or `stderr` where that is not a pipe. */
export function creditLeft(streams: Streams): Credit {
  return Object.fromEntries(
    NAMES.flatMap((name) => {
      const stream = streams[name]
      return stream instanceof PipeReader ? [[name, stream.credit]] : []
    }),
  )
}

function assertBytes(bytes: number, field: string): void {
  if (bytes === Infinity || (Number.isSafeInteger(bytes) && bytes >= 0)) return
  throw new InvalidInputError(`${field} is a number of bytes from 0 on, or Infinity, not ${describeValue(bytes)}`, {
    field,
  })
}

function pipeOf(stream: unknown, field: string): PipeReader {
  if (stream instanceof PipeReader) return stream
  throw new InvalidInputError(`${field} needs a stream that is a pipe: this one is not, give it stdio 'pipe'`, {
    field,
  })
}
