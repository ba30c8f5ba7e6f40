import { InvalidInputError } from '../../base/errors.ts'
import { didYouMean } from '../../linux/nearest.ts'
import { camelCase, type OptionDefinition } from './option.ts'

/** Values as they are found, by names in camel case. */
export type FoundValues = Record<string, string | number | boolean | string[]>

/**
 * Reads the option that stands at `words[at]` into `found`, in the forms of getopt_long(3): `--name value`, `--name=value`,
 * `-n value`, `-nvalue`, `-n=value`, and flags of one letter together. Returns the index behind it.
 * @throws InvalidInputError naming the option
 */
export function parseOption(
  words: readonly string[],
  at: number,
  options: readonly OptionDefinition[],
  found: FoundValues,
): number {
  const word = words[at]!
  return word.startsWith('--') ? parseLong(words, at, options, found) : parseLetters(words, at, options, found)
}

/** Is the word an option? `-` alone is stdin, and `--` ends options. */
export const isOption = (word: string): boolean => word.length > 1 && word.startsWith('-') && word !== '--'

function parseLong(
  words: readonly string[],
  at: number,
  options: readonly OptionDefinition[],
  found: FoundValues,
): number {
  const word = words[at]!
  const equals = word.indexOf('=')
  const name = equals < 0 ? word.slice(2) : word.slice(2, equals)
  const option = options.find((each) => each.name === name) ?? refuse(`--${name}`, options)
  if (equals >= 0) {
    put(option, word.slice(equals + 1), found)
    return at + 1
  }
  return parseValue(option, words, at, found)
}

function parseLetters(
  words: readonly string[],
  at: number,
  options: readonly OptionDefinition[],
  found: FoundValues,
): number {
  const word = words[at]!
  for (let i = 1; i < word.length; i++) {
    const letter = word[i]!
    const option = options.find((each) => each.short === letter) ?? refuse(`-${letter}`, options)
    const rest = word.slice(i + 1)
    if (rest.startsWith('=') || (rest !== '' && option.kind !== 'flag')) {
      put(option, rest.startsWith('=') ? rest.slice(1) : rest, found)
      return at + 1
    }
    if (rest === '') return parseValue(option, words, at, found)
    found[camelCase(option.name)] = true
  }
  return at + 1
}

/** An option whose value, if it takes one, is the next word. */
function parseValue(option: OptionDefinition, words: readonly string[], at: number, found: FoundValues): number {
  if (option.kind === 'flag') {
    found[camelCase(option.name)] = true
    return at + 1
  }
  const next = words[at + 1]
  if (option.bare !== undefined && (next === undefined || !option.choices?.includes(next))) {
    put(option, option.bare, found)
    return at + 1
  }
  if (next === undefined) fail(option, `needs a value: --${option.name} ${option.value ?? ''}`)
  put(option, next, found)
  return at + 2
}

function put(option: OptionDefinition, value: string, found: FoundValues): void {
  const key = camelCase(option.name)
  switch (option.kind) {
    case 'flag':
      found[key] = truthOf(option, value)
      break
    case 'text':
      found[key] = value
      break
    case 'list': {
      const list = found[key]
      if (Array.isArray(list)) list.push(value)
      else found[key] = [value]
      break
    }
    case 'number':
      // Descriptors and counts of them: what an int of C holds
      if (!/^\d{1,9}$/.test(value)) fail(option, `must be a whole number, not ${JSON.stringify(value)}`)
      found[key] = Number(value)
      break
    case 'choice': {
      const choices = option.choices ?? []
      if (!choices.includes(value)) {
        fail(option, `must be one of ${choices.join(', ')}, not ${JSON.stringify(value)}${didYouMean(value, choices)}`)
      }
      found[key] = value
      break
    }
  }
}

/** Programs in Go write their flags so. */
function truthOf(option: OptionDefinition, value: string): boolean {
  if (value === 'true' || value === '1') return true
  if (value === 'false' || value === '0') return false
  fail(option, `must be true or false, not ${JSON.stringify(value)}`)
}

function refuse(word: string, options: readonly OptionDefinition[]): never {
  const known = options.filter((each) => each.hidden !== true).map((each) => `--${each.name}`)
  const hint = word.startsWith('--') ? didYouMean(word, known) : ''
  throw new InvalidInputError(`There is no option ${word} here${hint || '; --help prints those there are'}`, {
    field: word,
  })
}

function fail(option: OptionDefinition, message: string): never {
  throw new InvalidInputError(`--${option.name} ${message}`, { field: `--${option.name}` })
}
