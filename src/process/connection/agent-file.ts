import { closeSync, openSync, readSync, statSync } from 'node:fs'
import { AgentError, InvalidInputError } from '../../base/errors.ts'
import { protocolHash } from '../../protocol/hash.ts'
import { GENERATION } from '../../protocol/wire.ts'

/** More than the largest agent (test/agent/binary.test.ts), so that any other file costs no more than one read. */
const LOOKED_AT = 256 * 1024

/** agent/main.c holds it, and prints it for `carrel-agent -V` */
const VERSION = /carrel-agent, protocol (\d+)U, tables (0x[\da-f]+)ULL\n/

/**
 * Looks whether a file is an agent that this package can talk with, before it is started: what is no agent might never say so.
 * A file that may be executed and not read is believed.
 * @throws InvalidInputError, AgentError for an agent that was built from other tables
 */
export function assertAgentFile(path: string): void {
  const text = readBeginning(path)
  if (text === undefined) return
  const [, generation, tables] = VERSION.exec(text) ?? []
  if (generation === undefined || tables === undefined) {
    throw refused(path, 'is no carrel-agent: copy the one that "npm run build" makes')
  }
  if (Number(generation) !== GENERATION || BigInt(tables) !== protocolHash()) {
    throw new AgentError(
      `"${path}" speaks protocol ${generation} with tables ${tables}, wanted ${GENERATION} with ${tablesName()}: copy the agent of this package there again`,
    )
  }
}

/** The tables of this package, as `carrel-agent -V` prints them: `0x187f60fe6034c4f3` */
export const tablesName = (): string => `0x${protocolHash().toString(16).padStart(16, '0')}`

function readBeginning(path: string): string | undefined {
  try {
    if (!statSync(path).isFile()) throw refused(path, 'is no file')
    const file = openSync(path, 'r')
    try {
      const bytes = Buffer.alloc(LOOKED_AT)
      return bytes.toString('latin1', 0, readSync(file, bytes, 0, LOOKED_AT, 0))
    } finally {
      closeSync(file)
    }
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException
    if (code === 'EACCES') return undefined
    throw code === 'E_INPUT' ? error : refused(path, `cannot be read (${code})`, error)
  }
}

const refused = (path: string, why: string, cause?: unknown): InvalidInputError =>
  new InvalidInputError(`binary "${path}" ${why}`, { field: 'binary', ...(cause ? { cause } : {}) })
