/** Colours by what they are for; numbers of SGR, ECMA-48. */
const STYLES = { bold: 1, dim: 2, inverse: 7, red: 31, green: 32, yellow: 33, blue: 34, cyan: 36 } as const

export type Style = keyof typeof STYLES

/** Puts text in a style, or leaves it. */
export type Paint = (style: Style, text: string) => string

/** Colours where somebody looks at a terminal and has not asked for none (no-color.org). */
export const painter = (color: boolean): Paint =>
  color ? (style, text) => (text === '' ? '' : `\u001b[${STYLES[style]}m${text}\u001b[0m`) : (_, text) => text

export const wantsColor = (stream: { readonly isTTY?: boolean }): boolean =>
  stream.isTTY === true && !process.env['NO_COLOR'] && process.env['TERM'] !== 'dumb'
