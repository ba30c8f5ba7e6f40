import assert from 'node:assert/strict'
import { type ChildProcess, spawn, spawnSync } from 'node:child_process'
import { currentKernel } from '../../src/kernel/current.ts'
import { SyncAgent } from '../../src/kernel/agent.ts'
import type { Kernel } from '../../src/kernel/kernel.ts'
import type { ContainerNetwork, ContainerRoute, VethNetwork } from '../../src/nsinit/container-json/container-config.ts'
import { attachNetworks } from '../../src/nsinit/network/attach-networks.ts'
import { detachNetworks } from '../../src/nsinit/network/detach-networks.ts'
import type { NetworkState } from '../../src/nsinit/network/network-state.ts'
import { CARREL } from '../cli/carrel.ts'
import { scratch, undoAfterTest } from '../support/oci.ts'

/** An interface as `ip -j -d` shows it. */
export interface Shown {
  readonly ifindex: number
  readonly ifname: string
  readonly mtu: number
  readonly txqlen: number
  readonly flags: readonly string[]
  readonly address: string
  readonly master?: string
  readonly ifalias?: string
  readonly linkinfo?: { readonly info_kind?: string }
  readonly addr_info?: readonly { readonly local: string; readonly prefixlen: number; readonly scope: string }[]
}

/** A process in a network namespace, and ip(8) there: the view of somebody else. */
export class Place {
  readonly pid: number

  constructor(pid: number) {
    this.pid = pid
  }

  /** A program of this machine in the namespace */
  run(words: readonly string[]): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
    return spawnSync('nsenter', [`--net=/proc/${this.pid}/ns/net`, '--', ...words], {
      encoding: 'utf8',
      timeout: 20_000,
    })
  }
  /** A command of ip(8), which must succeed */
  ip(...words: readonly string[]): string {
    const { status, stdout, stderr } = this.run(['ip', ...words])
    assert.equal(status, 0, `ip ${words.join(' ')}: ${stderr}`)
    return stdout
  }
  /** Interfaces but loopback */
  links(): readonly Shown[] {
    return (JSON.parse(this.ip('-j', '-d', 'address', 'show')) as Shown[]).filter(({ ifname }) => ifname !== 'lo')
  }
  names(): readonly string[] {
    return this.links().map(({ ifname }) => ifname)
  }
  link(name: string): Shown {
    const [found] = JSON.parse(this.ip('-j', '-d', 'address', 'show', 'dev', name)) as Shown[]
    return found as Shown
  }
  /** Addresses with length, those that the kernel makes of the hardware address left out */
  addresses(name: string): readonly string[] {
    const all = this.link(name).addr_info ?? []
    return all.filter(({ local }) => !local.startsWith('fe80')).map(({ local, prefixlen }) => `${local}/${prefixlen}`)
  }
  routes(family: '-4' | '-6' = '-4'): readonly Record<string, unknown>[] {
    return JSON.parse(this.ip('-j', family, 'route', 'show')) as Record<string, unknown>[]
  }
  pings(address: string): boolean {
    return this.run(['busybox', 'ping', '-c', '1', '-W', '2', address]).status === 0
  }
}

/** A network namespace that plays the host, and containers of it: each an agent in a namespace of its own. */
export class Room extends Place {
  readonly kernel: Kernel
  readonly agent: SyncAgent
  readonly #lock: string
  readonly #containers: SyncAgent[] = []

  private constructor(kernel: Kernel, agent: SyncAgent) {
    super(agent.pid as number)
    this.kernel = kernel
    this.agent = agent
    this.#lock = scratch('network-lock')
  }

  /** Ends after the test, with all that is in it. */
  static async open(): Promise<Room> {
    const kernel = await currentKernel()
    const root = SyncAgent.start(kernel)
    const room = new Room(kernel, root.clone(['CLONE_NEWNET']))
    undoAfterTest(() => {
      for (const agent of room.#containers) agent.close()
      room.agent.close()
      root.end()
    })
    return room
  }

  container(): Place & { readonly agent: SyncAgent } {
    const agent = this.agent.clone(['CLONE_NEWNET'])
    this.#containers.push(agent)
    return Object.assign(new Place(agent.pid as number), { agent })
  }

  attach({ pid }: Place, networks: readonly ContainerNetwork[], routes: readonly ContainerRoute[] = []): NetworkState {
    return attachNetworks(this.kernel, { maker: this.agent, pid, networks, routes, lock: this.#lock })
  }

  detach(state: NetworkState): void {
    detachNetworks(this.kernel, this.agent, state, this.#lock)
  }

  /** `carrel nsinit` in a directory, with this as the network of its host */
  nsinit(
    directory: string,
    words: readonly string[],
  ): { readonly status: number | null; readonly stdout: string; readonly stderr: string } {
    const [program = '', ...rest] = this.#words(words)
    return spawnSync(program, rest, {
      cwd: directory,
      encoding: 'utf8',
      input: '',
      timeout: 20_000,
      killSignal: 'SIGKILL',
    })
  }

  /** The same in the background; killed after the test */
  start(directory: string, words: readonly string[]): ChildProcess {
    const [program = '', ...rest] = this.#words(words)
    const child = spawn(program, rest, { cwd: directory })
    undoAfterTest(() => void child.kill('SIGKILL'))
    return child
  }

  #words(words: readonly string[]): readonly string[] {
    return ['nsenter', `--net=/proc/${this.pid}/ns/net`, '--', process.execPath, CARREL, 'nsinit', ...words]
  }
}

/** A network of type veth, on a bridge that is there. */
export const vethOn = (bridge: string, changes: Partial<VethNetwork> = {}): VethNetwork => ({
  type: 'veth',
  name: 'eth0',
  bridge,
  vethPrefix: 'veth',
  ...changes,
})

/** The same, on a bridge that is made. */
export const veth = (changes: Partial<VethNetwork> = {}): VethNetwork =>
  vethOn('br0', { createBridge: true, ...changes })
