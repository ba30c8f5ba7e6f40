import { closeSync, openSync, writeSync } from 'node:fs'
import { InvalidInputError } from '../base/errors.ts'

/** What happens to a connection, or to the server. */
export type LogEvent = 'listen' | 'connect' | 'refuse' | 'input' | 'end' | 'drain' | 'close'

/** Values of an event, in the order in which they are written; undefined ones are left out. */
export type LogFields = Readonly<Record<string, string | number | null | undefined>>

export type LogFormat = 'text' | 'json'

/** Takes finished lines. */
export type LogSink = (line: string) => void

/** One line for each event, with its time in UTC. */
export class Log {
  readonly #format: LogFormat
  readonly #sink: LogSink

  constructor(format: LogFormat, sink: LogSink) {
    this.#format = format
    this.#sink = sink
  }

  write(event: LogEvent, fields: LogFields, now = new Date()): void {
    const known = Object.entries(fields).filter(([, value]) => value !== undefined)
    const time = now.toISOString()
    this.#sink(
      this.#format === 'json'
        ? escaped(JSON.stringify({ time, event, ...Object.fromEntries(known) }))
        : [time, event.padEnd(7), ...known.map(([name, value]) => `${name}=${shown(value)}`)].join(' '),
    )
  }
}

/** What clients send must neither begin a new line nor steer the terminal of whoever reads the log. */
// oxlint-disable-next-line no-control-regex -- control characters are what this is about
const UNSAFE = /[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069\ufeff]/g

const escaped = (json: string): string =>
  json.replace(UNSAFE, (each) => `\\u${each.charCodeAt(0).toString(16).padStart(4, '0')}`)

const shown = (value: string | number | null | undefined): string =>
  typeof value === 'string' && !/^[\w.:/@%+,[\]-]+$/.test(value) ? escaped(JSON.stringify(value)) : String(value)

/** A file that lines are appended to. */
export interface LogFile extends Disposable {
  readonly write: LogSink
}

/**
 * Opens a file for the log; only its owner may read what clients did. Each line is one write(2), so that several servers may share it.
 * @param onFailure told once when a line cannot be written: serving goes on
 * @throws InvalidInputError when it cannot be opened
 */
export function openLogFile(path: string, onFailure: (error: unknown) => void): LogFile {
  const fd = openFile(path)
  let failed = false
  return {
    write(line) {
      try {
        writeSync(fd, `${line}\n`)
      } catch (error) {
        if (!failed) onFailure(error)
        failed = true
      }
    },
    [Symbol.dispose]: () => closeSync(fd),
  }
}

function openFile(path: string): number {
  try {
    return openSync(path, 'a', 0o600)
  } catch (error) {
    const code = (error as NodeJS.ErrnoException).code ?? String(error)
    throw new InvalidInputError(`log is ${path}, which cannot be opened: ${code}`, { field: 'log', cause: error })
  }
}
