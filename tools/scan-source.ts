/** A source text with parts blanked out; every line keeps its number and every character its place. */
export interface ScannedSource {
  /** Comments replaced by spaces */
  readonly withoutComments: string
  /** Comments, and the insides of strings and regular expressions, replaced by spaces */
  readonly codeOnly: string
}

type Mark = 'code' | 'comment' | 'text'

const REGEX_MAY_FOLLOW = /(?:^|[(,=:[!&|?{};+\-*%<>~^]|\b(?:return|typeof|case|in|of|do|else|void|await|yield))\s*$/

/** Tells code, comments and literals of TypeScript or C apart, well enough for checks on imports and forbidden names. */
export function scanSource(source: string, language: 'ts' | 'c' = 'ts'): ScannedSource {
  const marks = Array.from({ length: source.length }, (): Mark => 'code')
  // Depth of braces inside each open `${`; the last one belongs to the innermost template.
  const templates: number[] = []
  let at = 0
  const take = (length: number, mark: Mark): void => {
    marks.fill(mark, at, at + length)
    at += length
  }
  const takeTemplate = (): void => {
    while (at < source.length && source[at] !== '`') {
      if (source.startsWith('${', at)) {
        templates.push(0)
        return take(2, 'code')
      }
      take(source[at] === '\\' ? 2 : 1, 'text')
    }
    take(1, 'code')
  }
  while (at < source.length) {
    const char = source[at]
    if (source.startsWith('//', at)) take(lengthUntil(source, at, '\n', 0), 'comment')
    else if (source.startsWith('/*', at)) take(lengthUntil(source, at + 2, '*/', 2) + 2, 'comment')
    else if (char === '"' || char === "'") takeLiteral(char)
    else if (language === 'ts' && char === '`') {
      take(1, 'code')
      takeTemplate()
    } else if (language === 'ts' && char === '/' && REGEX_MAY_FOLLOW.test(source.slice(Math.max(0, at - 80), at))) {
      take(regexLength(source, at), 'text')
    } else if (char === '}' && templates.at(-1) === 0) {
      templates.pop()
      take(1, 'code')
      takeTemplate()
    } else {
      if (char === '{' && templates.length > 0) templates.push((templates.pop() ?? 0) + 1)
      if (char === '}' && templates.length > 0) templates.push((templates.pop() ?? 0) - 1)
      take(1, 'code')
    }
  }
  return { withoutComments: blank(source, marks, ['comment']), codeOnly: blank(source, marks, ['comment', 'text']) }

  function takeLiteral(quote: string): void {
    take(1, 'code')
    while (at < source.length && source[at] !== quote && source[at] !== '\n') take(source[at] === '\\' ? 2 : 1, 'text')
    take(1, 'code')
  }
}

/** Number of the line that holds the character, from 1. */
export function lineOf(source: string, index: number): number {
  return source.slice(0, index).split('\n').length
}

function lengthUntil(source: string, from: number, end: string, extra: number): number {
  const found = source.indexOf(end, from)
  return (found < 0 ? source.length : found + extra) - from
}

function regexLength(source: string, from: number): number {
  let inClass = false
  for (let at = from + 1; at < source.length; at++) {
    const char = source[at]
    if (char === '\n') return 1
    if (char === '\\') at++
    else if (char === '[') inClass = true
    else if (char === ']') inClass = false
    else if (char === '/' && !inClass) return at + 1 - from
  }
  return 1
}

function blank(source: string, marks: readonly Mark[], blanked: readonly Mark[]): string {
  let text = ''
  for (let at = 0; at < source.length; at++) {
    const mark = marks[at] ?? 'code'
    text += blanked.includes(mark) && source[at] !== '\n' ? ' ' : (source[at] ?? '')
  }
  return text
}
