const SHORT: Readonly<Record<number, string>> = {
  0x09: '\\t',
  0x0a: '\\n',
  0x0b: '\\v',
  0x0c: '\\f',
  0x0d: '\\r',
  0x22: '\\"',
  0x5c: '\\\\',
}

const utf8 = new TextEncoder()

const isDigit = (byte: number | undefined): boolean => byte !== undefined && byte >= 0x30 && byte <= 0x39

/** Text or bytes as a C string literal in strace's notation; at most `limit` bytes, then `...`. */
export function quote(text: string | Uint8Array, limit = Number.POSITIVE_INFINITY): string {
  const bytes = typeof text === 'string' ? utf8.encode(text) : text
  const count = Math.min(bytes.length, limit)
  let out = '"'
  for (let i = 0; i < count; i++) out += escape(bytes[i]!, i + 1 < count ? bytes[i + 1] : undefined)
  return bytes.length > count ? `${out}"...` : `${out}"`
}

function escape(byte: number, next: number | undefined): string {
  const short = SHORT[byte]
  if (short !== undefined) return short
  if (byte >= 0x20 && byte < 0x7f) return String.fromCharCode(byte)
  const octal = byte.toString(8)
  return `\\${isDigit(next) ? octal.padStart(3, '0') : octal}`
}
