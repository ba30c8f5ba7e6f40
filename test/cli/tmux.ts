import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { setTimeout as sleep } from 'node:timers/promises'

/** A real terminal with a shell in it, driven as a person does: keys in, screen out. */
export class Tmux {
  readonly #socket: string

  private constructor(socket: string) {
    this.#socket = socket
  }

  /** Starts a server of its own with one window that runs `command`. */
  static start(command: string, env: Readonly<Record<string, string>>, size = { columns: 100, rows: 30 }): Tmux {
    const tmux = new Tmux(`carrel-test-${process.pid}`)
    const variables = Object.entries(env).flatMap(([name, value]) => ['-e', `${name}=${value}`])
    tmux.#call(
      '-f',
      '/dev/null',
      'new-session',
      '-d',
      '-x',
      String(size.columns),
      '-y',
      String(size.rows),
      ...variables,
      command,
    )
    return tmux
  }

  #call(...words: readonly string[]): string {
    const { status, stdout, stderr } = spawnSync('tmux', ['-L', this.#socket, ...words], { encoding: 'utf8' })
    assert.equal(status, 0, stderr)
    return stdout
  }

  /** Types keys, by tmux's names; text as it is. */
  keys(...keys: readonly string[]): void {
    this.#call('send-keys', ...keys)
  }

  /** Types a line and Enter. */
  line(text: string): void {
    this.#call('send-keys', '-l', text)
    this.keys('Enter')
  }

  resize(columns: number, rows: number): void {
    this.#call('resize-window', '-x', String(columns), '-y', String(rows))
  }

  /** What stands on the screen and has scrolled off it. */
  screen(): string {
    return this.#call('capture-pane', '-p', '-J', '-S', '-200').replace(/ +$/gm, '').trimEnd()
  }

  /** Waits until the screen shows this; ^ and $ are those of its lines. */
  async shows(pattern: RegExp, withinMs = 15_000): Promise<string> {
    const deadline = performance.now() + withinMs
    for (;;) {
      const screen = this.screen()
      if (new RegExp(pattern, 'm').test(screen)) return screen
      if (performance.now() > deadline) assert.fail(`${pattern} did not come:\n${screen}`)
      await sleep(30)
    }
  }

  /** Types the line again and again, until the screen shows this. */
  async showsAfter(line: string, pattern: RegExp): Promise<string> {
    for (let attempt = 1; attempt < 10; attempt++) {
      this.line(line)
      const screen = await this.shows(pattern, 1500).catch(() => undefined)
      if (screen !== undefined) return screen
    }
    this.line(line)
    return this.shows(pattern)
  }

  stop(): void {
    spawnSync('tmux', ['-L', this.#socket, 'kill-server'])
  }
}
