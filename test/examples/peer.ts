import { once } from 'node:events'
import { connect, type Socket } from 'node:net'
import { eventually } from '../support/eventually.ts'
import { startScript, type Script } from '../support/node-script.ts'

/** A server of the examples that runs in a Node of its own. */
export interface Server {
  readonly script: Script
  readonly pid: number
  readonly port: number
}

/** Starts a server of the examples on a free port, or on the one of `args`. */
export async function startServer(file: string, args: readonly string[] = ['--port', '0']): Promise<Server> {
  const script = startScript(file, { args })
  const port = Number(/:(\d+)$/.exec(await script.line)?.[1])
  return { script, pid: script.child.pid as number, port }
}

/** Ends a server as a person would, and waits until it is gone. */
export async function stopServer({ script }: Server): Promise<void> {
  script.child.kill('SIGTERM')
  await script.ended
}

/** One client of a server. */
export class Peer {
  readonly socket: Socket
  #heard = ''

  private constructor(socket: Socket) {
    this.socket = socket
    socket.on('data', (data) => (this.#heard += String(data)))
    socket.on('error', () => {})
  }

  static async connect({ port }: Server): Promise<Peer> {
    const socket = connect(port, 'localhost')
    await once(socket, 'connect')
    return new Peer(socket)
  }

  /** All that the server has said */
  get heard(): string {
    return this.#heard
  }

  /** Has the shell run a line, and gives what it printed. The line must not leave the shell in the middle of something. */
  async ask(line: string, timeoutMs = 20_000): Promise<string> {
    const mark = `mark-${Math.random().toString(36).slice(2)}`
    // In two parts, so that an interactive shell which repeats its input does not say the mark before the answer.
    this.socket.write(
      `echo ${mark.slice(0, 6)}''${mark.slice(6)}-begin; ${line}; echo ${mark.slice(0, 6)}''${mark.slice(6)}-end\n`,
    )
    const answer = new RegExp(`${mark}-begin\\n([^]*?)${mark}-end\\n`)
    const [, text = ''] = await eventually(
      () => answer.exec(this.#heard) ?? undefined,
      () => `an answer to ${line}: ${this.#heard}`,
      timeoutMs,
    )
    return text.trim()
  }

  /** Goes away at once, in the middle of whatever it was. */
  vanish(): void {
    this.socket.destroy()
  }
}
