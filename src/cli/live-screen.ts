import { writeSync } from 'node:fs'
import { emitKeypressEvents, type Key } from 'node:readline'
import {
  cursorHide,
  cursorShow,
  cursorTo,
  enterAlternativeScreen,
  eraseDown,
  eraseEndLine,
  exitAlternativeScreen,
} from 'ansi-escapes'
import { onExit } from 'signal-exit'

/** A frame is shown when it is whole (synchronized output; terminals that do not know the mode ignore it). */
const [BEGIN, END] = ['\u001b[?2026h', '\u001b[?2026l']

/** How the keys of a live view end it: `q`, or as a program that a signal ends. */
export type Leaving = 'quit' | 'interrupt'

export interface LiveScreenOptions {
  readonly input: typeof process.stdin
  readonly output: typeof process.stdout
  /** Gives the lines of a frame, none wider than the terminal */
  readonly draw: (size: { readonly columns: number; readonly lines: number }) => readonly string[]
  /** Called for keys other than those that leave */
  readonly onKey: (key: string) => void
}

/**
 * A view of its own in the terminal, which is given back as it was on every way out: `close()`, an error, a signal, the end of the
 * process. Only SIGKILL leaves it.
 */
export class LiveScreen implements Disposable {
  /** Settles when a key asks to leave */
  readonly left: Promise<Leaving>
  readonly #options: LiveScreenOptions
  readonly #unwatch: () => void
  #leave: (how: Leaving) => void = () => {}
  #shown = false

  private constructor(options: LiveScreenOptions) {
    this.#options = options
    this.left = new Promise((resolve) => (this.#leave = resolve))
    this.#unwatch = onExit(() => this.#hide())
    emitKeypressEvents(options.input)
    options.input.on('keypress', this.#onKeypress)
    options.output.on('resize', this.redraw)
    process.on('SIGCONT', this.#onContinue)
    this.#show()
  }

  /** Takes over the terminal and draws the first frame. */
  static open(options: LiveScreenOptions): LiveScreen {
    return new LiveScreen(options)
  }

  /** Draws a frame over the last one: every line is written whole and its rest erased, so that nothing flickers. */
  readonly redraw = (): void => {
    if (!this.#shown) return
    const { output, draw } = this.#options
    const { columns, rows: lines } = output
    const text = draw({ columns, lines }).join(`${eraseEndLine}\r\n`)
    output.write(`${BEGIN}${cursorTo(0, 0)}${text}${eraseEndLine}${eraseDown}${END}`)
  }

  readonly #onKeypress = (_: string | undefined, key: Key): void => {
    if (key.ctrl && key.name === 'c') this.#leave('interrupt')
    else if (key.ctrl && key.name === 'z') this.#suspend()
    else if (key.name === 'q' && !key.ctrl) this.#leave('quit')
    else this.#options.onKey(key.name ?? key.sequence ?? '')
  }

  /** In raw mode the terminal makes no signals of keys. */
  #suspend(): void {
    this.#hide()
    process.kill(process.pid, 'SIGSTOP')
  }

  /** After a stop the shell has used the terminal. */
  readonly #onContinue = (): void => {
    this.#shown = false
    this.#show()
  }

  #show(): void {
    const { input, output } = this.#options
    input.setRawMode(true)
    input.resume()
    output.write(enterAlternativeScreen + cursorHide)
    this.#shown = true
    this.redraw()
  }

  /** At once and not by the stream, which at the end of a process has no time left. */
  #hide(): void {
    if (!this.#shown) return
    this.#shown = false
    const { input, output } = this.#options
    try {
      writeSync(output.fd, END + cursorShow + exitAlternativeScreen)
      input.setRawMode(false)
    } catch {
      // A terminal that has hung up needs nothing.
    }
  }

  /** Gives the terminal back. Idempotent. */
  close(): void {
    this.#hide()
    this.#unwatch()
    this.#options.input.off('keypress', this.#onKeypress)
    this.#options.output.off('resize', this.redraw)
    process.off('SIGCONT', this.#onContinue)
    this.#options.input.pause()
  }

  [Symbol.dispose](): void {
    this.close()
  }
}
