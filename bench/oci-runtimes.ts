import { execFileSync } from 'node:child_process'
import { statSync } from 'node:fs'
import { join } from 'node:path'
import { unifiedBesideV1 } from './group-parents.ts'
import { OciRuntime } from './oci-runtime.ts'
import type { Row } from './row.ts'
import { ROOT, type Workspace } from './workspace.ts'

/** The runtimes that are measured; disposing of it ends what they keep. */
export interface OciRuntimes extends Disposable {
  /** As an executable */
  readonly ours: OciRuntime
  /** The same sources, by Node */
  readonly byNode: OciRuntime
  readonly peers: readonly OciRuntime[]
  /** Rows of the sizes of the executables */
  readonly sizes: readonly Row[]
  readonly notes: readonly string[]
}

/** Builds ours, and finds those of the peers that are installed. */
export function findRuntimes(workspace: Workspace, launch: string): OciRuntimes {
  const executable = buildExecutable(workspace)
  const ours = new OciRuntime(workspace, launch, { name: 'carrel-oci', program: [executable] })
  const program = [process.execPath, join(ROOT, 'dist/oci/main.js')]
  const byNode = new OciRuntime(workspace, launch, { name: 'node dist/oci/main.js', program })
  const found = ['crun', 'runc'].map((name) => findPeer(workspace, launch, name))
  const peers = found.flatMap(({ peer }) => (peer ? [peer] : []))
  return {
    ours,
    byNode,
    peers,
    sizes: [
      sizeRow(ours.name, executable),
      ...found.flatMap(({ peer, file }) => (peer && file ? [sizeRow(peer.name, file)] : [])),
    ],
    notes: found.map(({ note }) => note),
    [Symbol.dispose]: () => [ours, ...peers, byNode].forEach((runtime) => runtime[Symbol.dispose]()),
  }
}

/** Of the sources as they are, so that no older one is measured. */
function buildExecutable(workspace: Workspace): string {
  const executable = join(workspace.path, 'carrel-oci')
  const words = [join(ROOT, 'tools/build-standalone.mjs'), '--quiet', '--outfile', executable]
  execFileSync(process.execPath, words, { stdio: ['ignore', 'ignore', 'inherit'] })
  return executable
}

interface FoundPeer {
  readonly peer?: OciRuntime
  readonly file?: string
  readonly note: string
}

function findPeer(workspace: Workspace, launch: string, name: string): FoundPeer {
  const unified = name === 'crun' ? unifiedBesideV1() : undefined
  const before = unified === undefined ? [] : ['-u', unified]
  const peer = new OciRuntime(workspace, launch, { name, program: [name], before })
  try {
    const file = execFileSync('sh', ['-c', `command -v ${name}`], { encoding: 'utf8' }).trim()
    const hidden = unified ? '; the v2 tree of this hybrid host is hidden from it, it refuses hybrid ones' : ''
    return { peer, file, note: `${name}: ${peer.version}${hidden}` }
  } catch {
    return { note: `${name}: missing here (apt-get install -y ${name})` }
  }
}

const sizeRow = (name: string, file: string): Row => ({
  what: `size of the executable: ${name}`,
  unit: 'MB',
  value: statSync(file).size / 1e6,
})
