/** What a generated page begins with. */
export const generatedFrom = (source: string): string =>
  `<!-- Generated from ${source}: do not edit, run "npm run generate" -->\n`

/** Kernel names have underscores and asterisks, which Markdown would take for emphasis; code in backticks stays. */
export function escapeMarkdown(text: string): string {
  return text.replace(/(`[^`]*`)|([*_<])/g, (_, code: string | undefined, mark: string) => code ?? `\\${mark}`)
}

/** Text in backticks, with more of them where the text holds one. */
export const code = (text: string): string => (text.includes('`') ? `\`\` ${text} \`\`` : `\`${text}\``)

/** A table; its cells are Markdown. */
export function table(head: readonly string[], rows: readonly (readonly string[])[]): string {
  const line = (cells: readonly string[]): string => `| ${cells.join(' | ')} |\n`
  return line(head) + line(head.map(() => '---')) + rows.map(line).join('')
}

/** A list, one item a line. */
export const list = (items: readonly string[]): string => items.map((item) => `- ${item}\n`).join('')

/** The anchor of a heading of letters and digits. */
export const anchor = (heading: string): string => heading.toLowerCase().replace(/[^\w-]/g, '')
