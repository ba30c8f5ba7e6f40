import { execFileSync, spawnSync } from 'node:child_process'
import { mkdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { unifiedBesideV1 } from './group-parents.ts'
import type { Subject } from './interleave.ts'
import { ROOT, timesOf, type Workspace } from './workspace.ts'

/** Other programs that start isolated processes, with what must be known to read their times. */
export interface Peers {
  readonly subjects: readonly Subject[]
  readonly notes: readonly string[]
}

/** Those of the peers that are installed and work here; of each other one, why it is missing. */
export async function findPeers(workspace: Workspace, launch: string): Promise<Peers> {
  const subjects: Subject[] = []
  const notes: string[] = []
  for (const { name, tool, debian, batch, prepare } of PEERS) {
    const version = versionOf(tool)
    if (version === undefined) {
      notes.push(`${name}: missing here (apt-get install -y ${debian})`)
      continue
    }
    try {
      const { args, note } = prepare(workspace)
      await timesOf(launch, ['1', ...args])
      subjects.push({ name, batch, measure: (count) => timesOf(launch, [String(count), ...args]) })
      notes.push(`${name}: ${version}${note}`)
    } catch (error) {
      notes.push(`${name}: installed, but does not work here: ${lastLine(error)}`)
    }
  }
  return { subjects, notes }
}

interface Peer {
  readonly name: string
  readonly tool: string
  readonly debian: string
  /** How often in a round: less often what takes long */
  readonly batch: number
  readonly prepare: (workspace: Workspace) => { readonly args: readonly string[]; readonly note: string }
}

const PEERS: readonly Peer[] = [
  {
    name: 'bwrap',
    tool: 'bwrap',
    debian: 'bubblewrap',
    batch: 4,
    prepare: () => ({
      args: ['bwrap', '--unshare-all', '--ro-bind', '/', '/', '--proc', '/proc', '--dev', '/dev', '/bin/true'],
      note: ', --unshare-all, whole host bound read-only, no groups, no seccomp, no masked paths',
    }),
  },
  {
    name: 'crun run',
    tool: 'crun',
    debian: 'crun',
    batch: 3,
    prepare: (workspace) => {
      const unified = unifiedBesideV1()
      const hidden = unified === undefined ? [] : ['-u', unified]
      return {
        args: [...hidden, 'crun', 'run', '--bundle', makeBundle(workspace, 'crun'), 'carrel-bench-{}'],
        note: `, bundle of its own "spec": no user namespace, no seccomp${unified ? '; the v2 tree of this hybrid host is hidden from it, it refuses hybrid ones' : ''}`,
      }
    },
  },
  {
    name: 'runc run',
    tool: 'runc',
    debian: 'runc',
    batch: 2,
    prepare: (workspace) => ({
      args: ['runc', 'run', '--bundle', makeBundle(workspace, 'runc'), 'carrel-bench-{}'],
      note: ', bundle of its own "spec": no user namespace, no seccomp',
    }),
  },
  {
    name: 'carrel run',
    tool: 'node',
    debian: 'nodejs',
    batch: 1,
    prepare: () => ({
      args: [process.execPath, join(ROOT, 'dist/cli/main.js'), 'run', '--', '/bin/true'],
      note: ': the whole command; beside Node itself it loads its modules and probes the host',
    }),
  },
  {
    name: 'node -e 0',
    tool: 'node',
    debian: 'nodejs',
    batch: 1,
    prepare: () => ({ args: [process.execPath, '-e', '0'], note: ': what `carrel run` cannot be faster than' }),
  },
]

/** A bundle as the runtime itself proposes it, but for the command and the terminal. */
function makeBundle(workspace: Workspace, tool: string): string {
  const bundle = join(workspace.path, `${tool}-bundle`)
  mkdirSync(bundle)
  renameSync(workspace.makeRoot(`${tool}-root`), join(bundle, 'rootfs'))
  execFileSync(tool, ['spec'], { cwd: bundle, stdio: ['ignore', 'ignore', 'pipe'] })
  const path = join(bundle, 'config.json')
  const config = JSON.parse(readFileSync(path, 'utf8')) as { process: Record<string, unknown> }
  writeFileSync(
    path,
    JSON.stringify({ ...config, process: { ...config.process, terminal: false, args: ['/bin/true'] } }),
  )
  return bundle
}

function versionOf(tool: string): string | undefined {
  const { status, stdout } = spawnSync(tool, ['--version'], { encoding: 'utf8' })
  return status === 0 ? stdout.split('\n')[0]?.trim() : undefined
}

function lastLine(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error)
  return text.trim().split('\n').at(-1) ?? ''
}
