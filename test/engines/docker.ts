import { eventually } from '../support/eventually.ts'
import { IMAGE } from './busybox-image.ts'
import { configure } from './documentation.ts'
import { KernelView } from './kernel-view.ts'
import type { Ended, Room, Running, RunOptions } from './room.ts'
import type { Engine } from './use-engine.ts'

/** Debian's client: a machine may have another one in /usr/local/bin. */
const CLIENT = '/usr/bin/docker'

/** dockerd in a room, with a containerd of its own, configured as docs/engines.md says. */
export class Docker implements Engine {
  readonly room: Room
  readonly #daemon: Running

  private constructor(room: Room, daemon: Running) {
    this.room = room
    this.#daemon = daemon
  }

  /** With the image loaded, and all that docker makes once on a machine. */
  static async start(room: Room): Promise<Docker> {
    configure(room, '/etc/docker/daemon.json')
    // Checkpoints are experimental in 20.10.
    const storage = room.storage === 'overlay' ? 'overlay2' : room.storage
    const docker = new Docker(room, room.start(['dockerd', '--experimental', '--storage-driver', storage]))
    await eventually(
      async () => (await docker.run(['version'])).code === 0,
      () => `dockerd answers: ${docker.#daemon.output().slice(-2000)}`,
      20_000,
    )
    await docker.text('load', '--quiet', '--input', room.image)
    await docker.text('run', '--rm', '--publish', '127.0.0.1:8079:79', IMAGE, 'true')
    await docker.text('run', '--rm', '--network', 'host', IMAGE, 'true')
    return docker
  }

  run(args: readonly string[], options: RunOptions = {}): Promise<Ended> {
    return this.room.run([CLIENT, ...args], options)
  }

  /** Runs a command that must succeed; its standard output, trimmed. */
  text(...args: readonly string[]): Promise<string> {
    return this.room.text([CLIENT, ...args])
  }

  terminal(...args: readonly string[]): Running {
    return this.room.terminal([CLIENT, ...args])
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

  async waitFor(name: string, field: string, value: string): Promise<void> {
    let last = ''
    await eventually(
      async () => (last = await this.state(name, field)) === value,
      () => `${field} of ${name} is ${value}, not ${last}`,
      20_000,
    )
  }

  /** Removes containers, whatever they do. */
  async remove(...names: readonly string[]): Promise<void> {
    await this.text('rm', '--force', '--volumes', ...names)
  }

  async clear(): Promise<void> {
    const names = (await this.text('ps', '--all', '--quiet')).split('\n').filter((name) => name !== '')
    if (names.length > 0) await this.run(['rm', '--force', '--volumes', ...names])
  }
}
