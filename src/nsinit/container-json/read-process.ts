import { checkChoice, checkText, checkUnsigned64, refuse } from '../../bundle/config/fields.ts'
import { didYouMean } from '../../linux/nearest.ts'
import { describeValue } from '../../linux/show-value.ts'
import { RLIMITS } from '../../linux/tables/rlimits.ts'
import type { ContainerRlimit } from './container-config.ts'
import { eachOf, pointerOf, type Section, section } from './section.ts'

/** `environment`. @throws InvalidInputError */
export function readEnvironment(from: Section): readonly string[] {
  return eachOf(from, 'environment', (value, at) => {
    checkText(value, at)
    const entry = value ?? ''
    if (entry.indexOf('=') < 1) {
      refuse(
        at,
        `must be NAME=VALUE, not ${JSON.stringify(entry)}: the host’s variables are not passed on, so write the value`,
      )
    }
    // What a shell would have made of `PATH=PATH=$PATH:…`, in samples of 2014, nobody ever did.
    if (entry.startsWith('PATH=PATH=')) {
      refuse(
        at,
        `sets PATH to a text that begins with PATH= itself: write ${JSON.stringify(entry.slice('PATH='.length))}, with directories for $PATH`,
      )
    }
    return entry
  })
}

/** By number; RLIMIT_OFILE is another name for one of them. */
const RESOURCES = Object.keys(RLIMITS.values).filter((name) => name !== 'RLIMIT_OFILE')
const SHORT = RESOURCES.map((name) => name.slice('RLIMIT_'.length))

/** `rlimits`; a type is a number as in 2014, or a name. @throws InvalidInputError */
export function readRlimits(from: Section): readonly ContainerRlimit[] {
  const seen = new Set<string>()
  return eachOf(from, 'rlimits', (value, at): ContainerRlimit => {
    const entry = section(value, at, ['type', 'hard', 'soft'])
    const type = getResource(entry.fields['type'], pointerOf(entry, 'type'))
    if (seen.has(type)) refuse(pointerOf(entry, 'type'), `is ${type} for the second time: keep one`)
    seen.add(type)
    const [soft, hard] = ['soft', 'hard'].map((key) => limitOf(entry, key)) as [number | bigint, number | bigint]
    if (soft > hard) refuse(pointerOf(entry, 'soft'), `must not be above hard, which is ${hard}: lower it`)
    return { type, soft, hard }
  })
}

function limitOf(entry: Section, key: string): number | bigint {
  const value = entry.fields[key]
  checkUnsigned64(value, pointerOf(entry, key))
  return value ?? 0
}

function getResource(value: unknown, at: string): string {
  const values: Readonly<Record<string, unknown>> = RLIMITS.values
  const found = RESOURCES.find((name) => name === value || name === `RLIMIT_${String(value)}` || values[name] === value)
  if (found) return found
  const guess = typeof value === 'string' ? didYouMean(value, SHORT) : ''
  return refuse(
    at,
    `must be a resource of getrlimit(2), not ${describeValue(value)}${guess || ': write it like NOFILE, or 7'}`,
  )
}

/** A word of few. */
export function wordOf<T extends string>(from: Section, key: string, words: readonly [T, ...T[]]): T {
  const value = from.fields[key]
  checkChoice(value, pointerOf(from, key), words)
  return (value as T | undefined) ?? words[0]
}
