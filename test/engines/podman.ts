import { eventually } from '../support/eventually.ts'
import { IMAGE } from './busybox-image.ts'
import { configure } from './documentation.ts'
import { KernelView } from './kernel-view.ts'
import type { Engine } from './use-engine.ts'
import type { Ended, Room, Running, RunOptions } from './room.ts'

/** podman in a room, as root or as an ordinary user, configured as docs/engines.md says. */
export class Podman implements Engine {
  readonly room: Room
  readonly #ordinary: boolean

  private constructor(room: Room, ordinary: boolean) {
    this.room = room
    this.#ordinary = ordinary
  }

  /** With the image loaded, and all that podman makes once on a machine. */
  static async prepare(room: Room, options: { readonly ordinary?: boolean } = {}): Promise<Podman> {
    configure(room, '/etc/containers/containers.conf.d/carrel-oci.conf')
    configure(room, '/etc/containers/containers.conf.d/without-systemd.conf')
    const podman = new Podman(room, options.ordinary ?? false)
    await podman.text('load', '--quiet', '--input', room.image)
    await podman.text('run', '--rm', ...(podman.#ordinary ? [] : ['--publish', '127.0.0.1:8079:79']), IMAGE, 'true')
    return podman
  }

  run(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
    return this.room.run(['podman', ...args], this.#with(options))
  }

  /** Runs a command that must succeed; its standard output, trimmed. */
  text(...args: readonly string[]): Promise<string> {
    return this.room.text(['podman', ...args], this.#with({}))
  }

  terminal(...args: readonly string[]): Running {
    return this.room.terminal(['podman', ...args], this.#with({}))
  }

  /** Runs a command in a container that must succeed; what it printed. */
  inside(options: readonly string[], ...command: readonly string[]): Promise<string> {
    return this.text('run', '--rm', '--network', 'none', ...options, IMAGE, ...command)
  }

  /** Starts a container in the background; its first process, seen by the kernel. */
  async start(name: string, options: readonly string[], ...command: readonly string[]): Promise<KernelView> {
    const network = options.some((each) => each.startsWith('--network')) ? [] : ['--network', 'none']
    await this.text('run', '--detach', '--name', name, ...network, ...options, IMAGE, ...command)
    return this.view(name)
  }

  /** The first process of a running container. */
  async view(name: string): Promise<KernelView> {
    return new KernelView(this.room, await this.state(name, 'Pid'))
  }

  /** A field of a container's state: `Pid`, `Status`, `ExitCode` … */
  state(name: string, field: string): Promise<string> {
    return this.text('inspect', '--format', `{{.State.${field}}}`, name)
  }

  async waitFor(name: string, status: string): Promise<void> {
    let last = ''
    await eventually(
      async () => (last = await this.state(name, 'Status')) === status,
      () => `${name} is ${status}, not ${last}`,
      20_000,
    )
  }

  /** Removes containers, whatever they do. */
  async remove(...names: readonly string[]): Promise<void> {
    // One after the other: podman removes several at once, also those that others need.
    for (const name of names) await this.text('rm', '--force', '--time', '0', name)
  }

  async clear(): Promise<void> {
    await this.run(['rm', '--force', '--all', '--time', '0'])
    await this.run(['volume', 'rm', '--all', '--force'])
  }

  #with(options: RunOptions): RunOptions {
    return { ordinary: this.#ordinary, ...options, env: { STORAGE_DRIVER: this.room.storage, ...options.env } }
  }
}
