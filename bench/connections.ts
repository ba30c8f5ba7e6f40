import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { defaultConfig } from '../src/bundle/default-config.ts'
import { machineArch } from '../src/linux/arch.ts'
import type { Context, Group } from './context.ts'
import { unifiedBesideV1 } from './group-parents.ts'
import { interleave, type Subject } from './interleave.ts'
import { MeasuredProcess } from './measured-process.ts'
import { measuredRow, type Row, type Section } from './row.ts'
import { treeMemory } from './tree-memory.ts'
import { BENCH, ROOT, type Workspace } from './workspace.ts'

/** A container per connection: `carrel serve` beside one `crun run` for each. */
export const connectionsGroup: Group = {
  name: 'connections',
  title: '200 connections at once, a container for each',
  measure,
}

const CROWD = 200
const COMMAND = ['/bin/sh', '-c', 'echo ready; read line'] as const

/** Something that listens and answers each connection with `ready` out of a container. */
interface Contestant {
  readonly name: string
  readonly words: readonly string[]
}

async function measure({ workspace, quick }: Context): Promise<Section> {
  const count = quick ? CROWD / 4 : CROWD
  const root = workspace.makeRoot('connections-root')
  // It needs no library that /bin/true does not.
  cpSync('/bin/sh', join(root, 'bin/sh'), { dereference: true })
  const contestants = [
    { name: 'carrel serve', words: serveWords([]) },
    { name: 'carrel serve --rootfs', words: serveWords(['--rootfs', root]) },
    { name: 'crun run each', words: crunWords(workspace, root) },
  ]
  await using client = await MeasuredProcess.start(0, 'connection-jobs.mjs')
  const memory = new Map<string, number>()
  const subjects = contestants.flatMap((each) => [
    lone(each, client, quick ? 10 : 30),
    crowd(each, client, count, (mib) => memory.set(each.name, mib)),
  ])
  const measured = await interleave(subjects, quick ? 1 : 3, quick ? 0 : 1)
  const against = (what: (name: string) => string) => ({ against: what('crun run each') })
  const times = [loneName, crowdName].flatMap((what) =>
    contestants
      .map(({ name }) => what(name))
      .filter((name) => measured.has(name))
      .map((name) => measuredRow(measured, name, 'ms', name === what('crun run each') ? undefined : against(what))),
  )
  return {
    rows: [...times, ...memoryRows(memory)],
    notes: [
      ...measured.failures,
      `from connect(2) to the first byte that ${JSON.stringify(COMMAND.join(' '))} writes in its container; ${count} connections are opened in the same moment`,
      'crun run each: a Node of 15 lines that accepts and starts `crun run` with the socket as its streams; the same root as --rootfs, no user namespace, no filter',
      'memory: proportional set sizes (smaps_rollup) of the server and of all below it, and what the groups of the containers count, over what the server alone had, divided by the connections',
    ],
  }
}

const loneName = (name: string): string => `a lone connection: ${name}`
const crowdName = (name: string): string => `of a crowd: ${name}`

function memoryRows(memory: ReadonlyMap<string, number>): readonly Row[] {
  const peer = memory.get('crun run each')
  return [...memory].map(([name, value]): Row => {
    const row = { what: `memory per connection: ${name}`, unit: 'MiB', value }
    return peer === undefined || name === 'crun run each'
      ? row
      : { ...row, ratio: { to: 'crun run each', value: value / peer } }
  })
}

const serveWords = (options: readonly string[]): readonly string[] => [
  ...[process.execPath, join(ROOT, 'dist/cli/main.js'), 'serve', '--tcp', '0', '--drain', '1s', '--log', '/dev/null'],
  ...['--max-connections', '1000', '--max-per-address', '1000', ...options, '--', ...COMMAND],
]

/** crun refuses hybrid hosts: the v2 tree is hidden from it, in a mount namespace of its own. */
function crunWords(workspace: Workspace, root: string): readonly string[] {
  const [bundle, states] = [join(workspace.path, 'connections-bundle'), join(workspace.path, 'connections-states')]
  mkdirSync(bundle)
  mkdirSync(states, { mode: 0o700 })
  const { process: own, ...rest } = defaultConfig({ arch: machineArch() })
  const config = { ...rest, ociVersion: '1.0.2', root: { path: root, readonly: true } }
  const text = JSON.stringify({ ...config, process: { ...own, terminal: false, args: COMMAND } })
  writeFileSync(join(bundle, 'config.json'), text)
  const loop = [process.execPath, join(BENCH, 'crun-loop.mjs'), bundle, states]
  const unified = unifiedBesideV1()
  if (unified === undefined) return loop
  return ['unshare', '--mount', '--propagation', 'private', 'sh', '-c', 'umount -l "$0" && exec "$@"', unified, ...loop]
}

const lone = (contestant: Contestant, client: MeasuredProcess, batch: number): Subject => ({
  name: loneName(contestant.name),
  batch,
  measure: (count) => withServer(contestant, ({ port }) => client.ask('lone', { port, count })),
})

const crowd = (
  contestant: Contestant,
  client: MeasuredProcess,
  batch: number,
  onMemory: (mibEach: number) => void,
): Subject => ({
  name: crowdName(contestant.name),
  batch,
  measure: (count) =>
    withServer(contestant, async ({ port, pid }) => {
      const before = treeMemory(pid)
      const times = await client.ask<number[]>('start', { port, count })
      onMemory((treeMemory(pid) - before) / count / 2 ** 20)
      await client.ask('stop')
      return times
    }),
})

interface Listening {
  readonly port: number
  readonly pid: number
}

async function withServer<T>({ name, words }: Contestant, use: (server: Listening) => Promise<T>): Promise<T> {
  const child = spawn(words[0] ?? '', words.slice(1), { stdio: ['ignore', 'pipe', 'inherit'] })
  try {
    return await use({ port: await portOf(name, child), pid: child.pid as number })
  } finally {
    const gone = once(child, 'exit')
    if (child.exitCode === null) {
      child.kill('SIGTERM')
      await gone
    }
  }
}

async function portOf(name: string, child: ChildProcess): Promise<number> {
  const output = child.stdout as NonNullable<typeof child.stdout>
  const gone = once(child, 'exit').then(() => Promise.reject(new Error(`${name} ended before it listened`)))
  gone.catch(() => {})
  const [line] = (await Promise.race([once(output, 'data'), gone])) as [Buffer]
  return Number(/:(\d+)\n/.exec(String(line))?.[1])
}
