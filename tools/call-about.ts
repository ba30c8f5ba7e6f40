import { ERRNO_TEXTS } from '../src/linux/tables/errno.ts'

/** What the one line about a call in src/linux/calls says. */
export interface CallAbout {
  /** What it does */
  readonly summary: string
  /** First kernel that has it, where that is younger than 5.0 */
  readonly since: string | undefined
  /** What came later: `CLOEXEC 5.11` */
  readonly later: string | undefined
  readonly errors: readonly CallError[]
}

/** An error that matters for a call. */
export interface CallError {
  readonly errno: string
  /** When it comes, where the name does not say it */
  readonly when: string
}

const SINCE = /\s*\((\d\.\d+)(?:, ([^)]+))?\)/
const ERRNO = /\bE[A-Z0-9]{2,}\b/g

/**
 * Takes the line apart: `Opens a file (5.6). EXDEV or ELOOP when a rule forbids it, EAGAIN` is a summary, a version of the kernel
 * and errors with what is said about each.
 */
export function parseAbout(about: string): CallAbout {
  const [, since, later] = SINCE.exec(about) ?? []
  const text = about.replace(SINCE, '')
  const names = [...text.matchAll(ERRNO)].filter(([name]) => Object.hasOwn(ERRNO_TEXTS, name))
  const start = names[0]?.index ?? text.length
  const summary = text.slice(0, start).trim().replace(/\.$/, '')
  const said = names.map(({ 0: name, index }, at) => ({
    errno: name,
    after: text.slice(index + name.length, names[at + 1]?.index),
  }))
  return { summary, since, later, errors: said.map(({ errno }, at) => ({ errno, when: whenOf(said.slice(at)) })) }
}

/** `EXDEV or ELOOP when …`: what is said after the last of them holds for all. */
function whenOf(said: readonly { readonly after: string }[]): string {
  const told = said.find(({ after }) => after.trim() !== 'or')?.after ?? ''
  return told
    .trim()
    .replace(/[,.]+$/, '')
    .replace(/^\((.*)\)$/, '$1')
    .trim()
}
