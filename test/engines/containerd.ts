import assert from 'node:assert/strict'
import { appendFileSync } from 'node:fs'
import { eventually } from '../support/eventually.ts'
import { IMAGE } from './busybox-image.ts'
import { configure } from './documentation.ts'
import { KernelView } from './kernel-view.ts'
import type { Ended, Room, Running } from './room.ts'
import type { Engine } from './use-engine.ts'

/** What containers that ctr starts are told about the runtime. */
const WITH_RUNTIME = ['--runc-binary', '/usr/local/bin/carrel-oci']

/** containerd in a room, configured as docs/engines.md says, with ctr as its client. */
export class Containerd implements Engine {
  readonly room: Room

  private constructor(room: Room) {
    this.room = room
  }

  /** `more` is appended to the configuration. */
  static async start(room: Room, more = ''): Promise<Containerd> {
    configure(room, '/etc/containerd/config.toml')
    appendFileSync(room.path('etc/containerd/config.toml'), more)
    const daemon = room.start(['containerd'])
    const containerd = new Containerd(room)
    await eventually(
      async () => (await containerd.run(['version'])).code === 0,
      () => `containerd answers: ${daemon.output().slice(-2000)}`,
      20_000,
    )
    await containerd.text('images', 'import', room.image)
    assert.equal((await containerd.runImage(['--rm'], 'first', 'true')).code, 0)
    return containerd
  }

  run(args: readonly string[]): Promise<Ended> {
    return this.room.run(['ctr', ...args])
  }

  /** Runs a command that must succeed; its standard output, trimmed. */
  text(...args: readonly string[]): Promise<string> {
    return this.room.text(['ctr', ...args])
  }

  runImage(options: readonly string[], name: string, ...command: readonly string[]): Promise<Ended> {
    return this.run(['run', ...WITH_RUNTIME, ...options, IMAGE, name, ...command])
  }

  terminal(options: readonly string[], name: string, ...command: readonly string[]): Running {
    return this.room.terminal(['ctr', 'run', ...WITH_RUNTIME, ...options, IMAGE, name, ...command])
  }

  /** Starts a container in the background; its first process, seen by the kernel. */
  async start(name: string, options: readonly string[], ...command: readonly string[]): Promise<KernelView> {
    const { code, stderr } = await this.runImage(['--detach', ...options], name, ...command)
    assert.equal(code, 0, stderr)
    return this.view(name)
  }

  /** The first process of a running container. */
  async view(name: string): Promise<KernelView> {
    return new KernelView(this.room, (await this.task(name))?.pid ?? 0)
  }

  /** What `ctr task ls` says about a container's task, undefined when there is none. */
  async task(name: string): Promise<{ readonly pid: number; readonly status: string } | undefined> {
    const row = (await this.text('task', 'ls')).split('\n').find((each) => each.startsWith(`${name} `))
    const [, pid, status = ''] = row?.trim().split(/\s+/) ?? []
    return pid === undefined ? undefined : { pid: Number(pid), status }
  }

  async waitFor(name: string, status: string): Promise<void> {
    await eventually(
      async () => (await this.task(name))?.status === status,
      () => `${name} is ${status}`,
      20_000,
    )
  }

  /** Ends tasks and removes their containers. */
  async remove(...names: readonly string[]): Promise<void> {
    for (const name of names) {
      await this.text('task', 'delete', '--force', name).catch((error: unknown) => {
        // It passes the exit code of the task on as a warning and its own.
        if (!/exit with non-zero exit code/.test(String(error))) throw error
      })
      await this.text('container', 'delete', name)
    }
  }

  async clear(): Promise<void> {
    for (const name of (await this.text('container', 'ls', '--quiet')).split('\n').filter((each) => each !== '')) {
      await this.run(['task', 'delete', '--force', name])
      await this.run(['container', 'delete', name])
    }
  }
}
