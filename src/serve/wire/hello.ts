import { InvalidInputError } from '../../base/errors.ts'

/**
 * How a client that knows the protocol begins, and how it is answered. A NUL is what no person types and no text protocol begins with, so
 * that all other clients are served as they are.
 */
export const GREETING = '\0carrel/1 '

/** Bytes of a hello or an answer, with the greeting and the newline. */
export const LONGEST_HELLO = 512

/** What a client wants. */
export interface Hello {
  /** A terminal for the command; else pipes, and stderr apart from stdout */
  readonly tty: boolean
  readonly columns: number
  readonly rows: number
  /** Name of the client's terminal, for TERM */
  readonly term: string
}

/** How the command, or the connection, came to its end. */
export interface Ending {
  /** What `carrel connect` exits with */
  readonly code: number
  /** Kernel name of the signal that ended the command, or null */
  readonly signal: string | null
  /** One of the outcomes of a command, or `idle`, `shutdown`, `failed` */
  readonly outcome: string
}

const encoder = new TextEncoder()
const greeting = encoder.encode(GREETING)

export const encodeHello = (hello: Hello): Uint8Array => encoder.encode(`${GREETING}${JSON.stringify(hello)}\n`)

export const encodeAnswer = (answer: { readonly connection: number }): Uint8Array =>
  encoder.encode(`${GREETING}${JSON.stringify(answer)}\n`)

/** What the first bytes of a client turned out to be. */
export type First =
  | { readonly kind: 'plain'; readonly bytes: Uint8Array }
  | { readonly kind: 'hello'; readonly hello: Hello; readonly rest: Uint8Array }

/** Tells a client that says hello from one that begins to talk at once; the bytes may come one by one. */
export class Sniffer {
  #bytes: Uint8Array = new Uint8Array(0)

  /** Undefined while it can be both. @throws InvalidInputError for a hello that is none */
  push(chunk: Uint8Array): First | undefined {
    const bytes = this.#bytes.length === 0 ? chunk : Buffer.concat([this.#bytes, chunk])
    this.#bytes = bytes
    if (!startsLike(bytes)) return { kind: 'plain', bytes }
    const end = bytes.subarray(0, LONGEST_HELLO).indexOf(NEWLINE)
    if (end >= 0) {
      return {
        kind: 'hello',
        hello: parseHello(textOf(bytes.subarray(greeting.length, end))),
        rest: bytes.subarray(end + 1),
      }
    }
    if (bytes.length >= LONGEST_HELLO) throw wrong(`longer than ${LONGEST_HELLO} bytes`)
    return undefined
  }

  /** What came before the end of the stream, or before patience did. */
  give(): Uint8Array {
    return this.#bytes
  }
}

const NEWLINE = 0x0a
const textOf = (bytes: Uint8Array): string => new TextDecoder().decode(bytes)

/** Whether the bytes are the beginning of a greeting, or begin with one. */
const startsLike = (bytes: Uint8Array): boolean => greeting.every((byte, i) => i >= bytes.length || bytes[i] === byte)

/** @throws InvalidInputError */
export function parseHello(text: string): Hello {
  const { tty, columns, rows, term, ...more } = objectOf(text)
  if (Object.keys(more).length > 0) throw wrong(`an unknown field ${JSON.stringify(Object.keys(more)[0])}`)
  if (typeof tty !== 'boolean') throw wrong('no tty that is true or false')
  if (typeof term !== 'string' || !/^[A-Za-z0-9][A-Za-z0-9._+-]{0,63}$/.test(term))
    throw wrong('no term that is a name')
  if (!isSize(columns) || !isSize(rows)) throw wrong('no columns and rows from 1 to 65535')
  return { tty, columns, rows, term }
}

const isSize = (value: unknown): value is number =>
  typeof value === 'number' && Number.isInteger(value) && value >= 1 && value <= 0xffff

function objectOf(text: string): Record<string, unknown> {
  try {
    const value: unknown = JSON.parse(text)
    if (typeof value === 'object' && value !== null && !Array.isArray(value)) return value as Record<string, unknown>
  } catch {
    // Told below, as everything else that is no object.
  }
  throw wrong('no JSON object')
}

const wrong = (what: string): InvalidInputError =>
  new InvalidInputError(`Hello is or has ${what}: {"tty":true,"columns":80,"rows":24,"term":"xterm"} is wanted`, {
    field: 'hello',
  })

/** Finds the answer in what a server says: before it may come what the command for plain clients has written meanwhile. */
export class AnswerReader {
  #bytes: Uint8Array = new Uint8Array(0)

  /** What follows the answer, or undefined while there is none. */
  push(chunk: Uint8Array): Uint8Array | undefined {
    const bytes = Buffer.concat([this.#bytes, chunk])
    const at = bytes.indexOf(greeting)
    const end = at < 0 ? -1 : bytes.indexOf(NEWLINE, at)
    if (end >= 0) return bytes.subarray(end + 1)
    this.#bytes = bytes.subarray(-IGNORED_BYTES)
    return undefined
  }

  /** The last of what a server said that never answered: why it refuses. */
  get text(): string {
    return textOf(this.#bytes)
  }
}

/** More than an answer, so that one that comes in pieces is found. */
const IGNORED_BYTES = 4096
