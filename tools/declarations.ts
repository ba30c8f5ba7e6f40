/** An exported declaration of a TypeScript file, or a member of a class. */
export interface Declaration {
  readonly name: string
  readonly kind: 'class' | 'interface' | 'type' | 'const' | 'function' | 'member'
  /** Its docstring as one text: sentences, then `@` tags, each on a line of its own */
  readonly doc: string
  /** Its text without the docstring; of a member the signature, of a class its head */
  readonly text: string
  /** Public members of a class, in the order of the file */
  readonly members: readonly Declaration[]
}

const EXPORTED = /^export (?:abstract )?(class|interface|type|const|function|async function) (\w+)/

/**
 * Exported declarations of a file in this repository's format (prettier, two spaces): what begins in the first column ends where
 * the next thing begins there.
 */
export function declarationsOf(source: string): readonly Declaration[] {
  const lines = source.split('\n')
  return lines.flatMap((line, index) => {
    const [, keyword = '', name = ''] = EXPORTED.exec(line) ?? []
    if (name === '') return []
    const kind = keyword.replace('async ', '') as Declaration['kind']
    const body = lines.slice(index, endOf(lines, index))
    const text = textOf(kind, body)
    const members = kind === 'class' ? membersOf(body.slice(1)) : []
    return [{ name, kind, doc: docBefore(lines, index), text, members }]
  })
}

function textOf(kind: Declaration['kind'], body: readonly string[]): string {
  if (kind === 'class') return (body[0] ?? '').replace(/ \{$/, '')
  return kind === 'function' ? signatureAt(body, 0) : body.join('\n')
}

/** The line after a declaration that begins at `start`. */
function endOf(lines: readonly string[], start: number): number {
  const block = /[{([]$/.test(lines[start] ?? '')
  for (let at = start + 1; at < lines.length; at++) {
    const line = lines[at] ?? ''
    if (block ? /^[})\]]/.test(line) : !line.startsWith(' ')) return block ? at + 1 : at
  }
  return lines.length
}

function docBefore(lines: readonly string[], index: number): string {
  const end = index - 1
  if (!lines[end]?.trimEnd().endsWith('*/')) return ''
  let start = end
  while (start > 0 && !lines[start]?.trimStart().startsWith('/**')) start--
  return docText(lines.slice(start, end + 1))
}

function docText(lines: readonly string[]): string {
  const bare = lines.map((line) =>
    line
      .trim()
      .replace(/^\/\*\*\s?/, '')
      .replace(/\s*\*\/$/, '')
      .replace(/^\*\s?/, '')
      .trim(),
  )
  const joined = bare.filter(Boolean).join('\n')
  // A tag may stand at the end of a one-line docstring.
  return joined.replace(/\n(?!@)/g, ' ').replace(/ (?=@(?:throws|param|returns)\b)/g, '\n')
}

const NOT_PUBLIC = /^(?:private|protected|declare|constructor|static \{|(?:async |static |readonly |get |set )*[#[])/
const MODIFIERS = /^(?:override |async |abstract )+/

function membersOf(lines: readonly string[]): readonly Declaration[] {
  const found: Declaration[] = []
  lines.forEach((line, index) => {
    if (!/^ {2}[\w[#]/.test(line) || NOT_PUBLIC.test(line.trim())) return
    const signature = signatureAt(lines, index)
    const text = signature.replace(/^static async /, 'static ').replace(MODIFIERS, '')
    const name = /^(?:static )?(?:readonly )?(?:get |set )?(\w+)/.exec(text)?.[1] ?? ''
    const implementation = signature.startsWith('set ') || (hasBody(lines, index) && found.some(isOverloadOf(name)))
    if (!implementation) found.push({ name, kind: 'member', doc: docBefore(lines, index), text, members: [] })
  })
  return found
}

const isOverloadOf =
  (name: string) =>
  (each: Declaration): boolean =>
    each.name === name && each.text.includes('(') && !each.text.startsWith('static ')

/** The lines of a member up to its body, its value, or its end, as one line. */
function signatureAt(lines: readonly string[], start: number): string {
  return lines
    .slice(start, signatureEnd(lines, start))
    .map((line) => line.trim())
    .join(' ')
    .replace(/\( /g, '(')
    .replace(/,? \)/g, ')')
    .replace(/ \{$/, '')
    .replace(/(?<=[\w>\])]) = .*$/, (value) => (/^ = [^>]*=>/.test(value) || !value.includes(')') ? '' : value))
}

function signatureEnd(lines: readonly string[], start: number): number {
  let depth = 0
  for (let at = start; at < lines.length; at++) {
    const line = lines[at] ?? ''
    const opened = line.replace(/ \{$/, '')
    depth += (opened.match(/[({[]/g)?.length ?? 0) - (opened.match(/[)}\]]/g)?.length ?? 0)
    if (depth <= 0) return at + 1
  }
  return lines.length
}

const hasBody = (lines: readonly string[], start: number): boolean =>
  (lines[signatureEnd(lines, start) - 1] ?? '').endsWith(' {')
