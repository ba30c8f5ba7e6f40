import { readFileSync } from 'node:fs'
import { InvalidInputError } from '../base/errors.ts'

/** Descriptors of this process: what it has anyway, what a connection holds (socket, two or three pipes, two agents and their pidfds), what making one takes. */
const OWN = 64
const EACH = 8
const MAKING = 16

/**
 * Refuses more connections than there can be descriptors for: without one a container fails in the middle of its making, of whomever it is.
 * @param most open files that this process may have
 * @throws InvalidInputError
 */
export function assertDescriptors(connections: number, makeAtOnce: number, most = openFiles()): void {
  const wanted = OWN + EACH * connections + MAKING * Math.min(makeAtOnce, connections)
  if (wanted <= most) return
  const message = `max-connections is ${connections}, for which ${wanted} open files are wanted, and this process may have ${most}: lower it, or raise the limit (ulimit -n)`
  throw new InvalidInputError(message, { field: 'max-connections' })
}

/** The soft limit; Node has raised it to the hard one. */
function openFiles(): number {
  const value = /^Max open files +(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'))?.[1]
  return value === 'unlimited' ? Infinity : Number(value)
}
