import { execFileSync } from 'node:child_process'
import { SyncAgent } from '../../src/kernel/agent.ts'
import { nodeKernel } from '../../src/kernel/node.ts'
import { SyncNetlink } from '../../src/kernel/sync-netlink.ts'

/** ip(8), the oracle of these tests. */
export const IP = '/usr/sbin/ip'

/** A network namespace of a test, and rtnetlink in it. */
export interface Network {
  readonly agent: SyncAgent
  readonly pid: number
  readonly netlink: SyncNetlink
  /** What ip(8) prints there */
  readonly ip: (...args: string[]) => string
  /** The same of `ip -j -d`, as data */
  readonly json: (...args: string[]) => Record<string, unknown>[]
}

/** Two network namespaces that the test may do anything in; nothing is left of them. */
export async function inNetworks(test: (host: Network, guest: Network) => void | Promise<void>): Promise<void> {
  const root = SyncAgent.start(nodeKernel())
  const [host, guest] = [networkOf(root), networkOf(root)]
  try {
    await test(host, guest)
  } finally {
    for (const { netlink, agent } of [host, guest]) {
      netlink.close()
      agent.close()
    }
    root.end()
  }
}

function networkOf(root: SyncAgent): Network {
  const agent = root.clone(['CLONE_NEWNET'])
  const pid = agent.pid as number
  const ip = (...args: string[]): string => ipIn(pid, args)
  const json = (...args: string[]): Record<string, unknown>[] => {
    const text = ip('-j', '-d', ...args)
    const rows = (text.trim() === '' ? [] : JSON.parse(text)) as Record<string, unknown>[]
    // Empty objects stand for what a filter left out.
    return rows.filter((row) => Object.keys(row).length > 0)
  }
  return { agent, pid, netlink: SyncNetlink.open(agent), ip, json }
}

/** What ip(8) prints in the network namespace of a process. */
export const ipIn = (pid: number, args: readonly string[]): string =>
  execFileSync('nsenter', ['-t', String(pid), '-n', IP, ...args], {
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'pipe'],
  })
