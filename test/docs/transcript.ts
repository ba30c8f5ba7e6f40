/** One command of a page and what the page says that it prints. */
export interface TranscriptCommand {
  /** Line of the page that the command stands in, from 1 */
  readonly line: number
  /** What a person types; more lines than one when the page continues it with `> ` */
  readonly text: string
  /** Lines that it prints, stdout and stderr together; `…` is any text in a line, and any lines when it is alone */
  readonly expected: readonly string[]
  readonly exitCode: number
}

const EXIT = /^\[exit (\d+)\]$/

/**
 * The commands of all `console` blocks of a Markdown page, in order.
 * @throws Error with the line of the page for a block that does not begin with a command
 */
export function parseTranscript(page: string): readonly TranscriptCommand[] {
  const commands: { line: number; text: string; expected: string[]; exitCode: number }[] = []
  let inBlock = false
  let isTyped = false
  for (const [index, line] of page.split('\n').entries()) {
    const at = index + 1
    if (!inBlock) {
      inBlock = line === '```console'
      isTyped = false
      if (inBlock) commands.push({ line: at, text: '', expected: [], exitCode: 0 })
      continue
    }
    const current = commands.at(-1) as (typeof commands)[number]
    if (line === '```') {
      if (current.text === '') throw new Error(`line ${current.line}: a console block without a command`)
      inBlock = false
    } else if (line.startsWith('$ ')) {
      if (current.text === '') Object.assign(current, { line: at, text: line.slice(2) })
      else commands.push({ line: at, text: line.slice(2), expected: [], exitCode: 0 })
      isTyped = true
    } else if (current.text === '') {
      throw new Error(`line ${at}: a console block begins with a command, "$ …", not with what one prints`)
    } else if (isTyped && (line === '>' || line.startsWith('> '))) {
      current.text += `\n${line.slice(2)}`
    } else {
      isTyped = false
      current.expected.push(line)
    }
  }
  if (inBlock) throw new Error(`line ${commands.at(-1)?.line}: a console block without an end`)
  return commands.map(withExitCode)
}

function withExitCode(command: TranscriptCommand): TranscriptCommand {
  const code = EXIT.exec(command.expected.at(-1) ?? '')?.[1]
  return code === undefined ? command : { ...command, expected: command.expected.slice(0, -1), exitCode: Number(code) }
}

/** Lines of what a command printed; space at the end of a line is nothing that a page can show. */
export function outputLines(text: string): readonly string[] {
  const lines = text.split('\n').map((line) => line.trimEnd())
  if (lines.at(-1) === '') lines.pop()
  return lines
}

/** What is wrong with the lines that a command printed; undefined when they are what the page says. */
export function outputProblem(expected: readonly string[], actual: readonly string[]): string | undefined {
  const pieces = piecesOf(expected)
  let from = 0
  for (const [index, piece] of pieces.entries()) {
    const isFirst = index === 0
    const isLast = index === pieces.length - 1
    if (isLast && !isFirst && actual.length - piece.length >= from) from = actual.length - piece.length
    const at = isFirst || isLast ? from : findPiece(piece, actual, from)
    if (at === undefined) return `no line${piece.length > 1 ? 's' : ''} such as\n${quote(piece)}`
    const wrong = piece.findIndex((pattern, offset) => !matches(pattern, actual[at + offset]))
    if (wrong >= 0) return `"${piece[wrong]}" is wanted, it prints "${actual[at + wrong] ?? 'nothing more'}"`
    from = at + piece.length
  }
  return from < actual.length ? `it goes on with "${actual[from]}"` : undefined
}

/** The lines between those that stand for any lines. */
function piecesOf(expected: readonly string[]): readonly (readonly string[])[] {
  const pieces: string[][] = [[]]
  for (const line of expected) {
    if (line.trim() === '…') pieces.push([])
    else pieces.at(-1)?.push(line.trimEnd())
  }
  return pieces
}

function findPiece(piece: readonly string[], actual: readonly string[], from: number): number | undefined {
  for (let at = from; at + piece.length <= actual.length; at++) {
    if (piece.every((pattern, offset) => matches(pattern, actual[at + offset]))) return at
  }
  return undefined
}

function matches(pattern: string, line: string | undefined): boolean {
  if (line === undefined) return false
  const parts = pattern.split('…').map((part) => part.replace(/[.*+?^${}()|[\]\\]/g, '\\$&'))
  return new RegExp(`^${parts.join('.*')}$`).test(line)
}

/** Lines as a message quotes them. */
export const quote = (lines: readonly string[]): string => lines.map((line) => `    ${line}`).join('\n')
