const SPACES = '  '
/** A list or object this short stays on one line. */
const LINE = 100

/** JSON for people: indented, short lists and objects on one line, and bigints, which JSON.stringify has not, with all their digits. */
export function writeJson(value: unknown, indent = ''): string {
  if (typeof value === 'bigint') return String(value)
  if (typeof value !== 'object' || value === null) return JSON.stringify(value)
  const isList = Array.isArray(value)
  const inner = indent + SPACES
  const parts = isList
    ? value.map((each) => writeJson(each, inner))
    : Object.entries(value).map(([key, each]) => `${JSON.stringify(key)}: ${writeJson(each, inner)}`)
  const [open, close] = isList ? '[]' : '{}'
  if (parts.length === 0) return `${open}${close}`
  const line = parts.join(', ')
  const fits = line.length + indent.length < LINE && !parts.some((part) => part.includes('\n'))
  if (fits && indent !== '') return isList ? `[${line}]` : `{ ${line} }`
  return `${open}\n${parts.map((part) => `${inner}${part}`).join(',\n')}\n${indent}${close}`
}
