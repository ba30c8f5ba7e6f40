const EIGHTHS = ['', '▏', '▎', '▍', '▌', '▋', '▊', '▉'] as const
const LEVELS = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'] as const

/** How much of the whole, as a bar of so many cells: what is there at all is seen, and only the whole fills it. */
export function bar(ratio: number, cells: number): string {
  const eighths = ratio <= 0 ? 0 : Math.min(Math.max(1, Math.floor(ratio * cells * 8)), cells * 8)
  const text = '█'.repeat(Math.floor(eighths / 8)) + EIGHTHS[eighths % 8]
  return text + '░'.repeat(cells - text.length)
}

/** The last values, the newest on the right; `most` is the height of a full cell. */
export function sparkline(values: readonly number[], cells: number, most: number): string {
  const level = (value: number): string =>
    LEVELS[Math.min(LEVELS.length - 1, Math.max(0, Math.round((value / most) * (LEVELS.length - 1))))] ?? ''
  const text = values.slice(-cells).map(level).join('')
  return ' '.repeat(cells - text.length) + text
}
