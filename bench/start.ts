import type { Context, Group } from './context.ts'
import { groupParents } from './group-parents.ts'
import { interleave, type Subject } from './interleave.ts'
import { MeasuredProcess } from './measured-process.ts'
import { findPeers } from './peers.ts'
import { measuredRow, type Section } from './row.ts'
import { timesOf, type Workspace } from './workspace.ts'

const FRESH = 'fresh Sandbox'
const FRESH_HOST_NET = "fresh Sandbox, net: 'host'"
const UNLIKE = 'fresh Sandbox unlike any before'
const FIRST = 'first Sandbox of a process'
const LIVE = 'box.run in a live Sandbox'
const BARE = 'Node spawn'
const FULL = 'limit full'
const FULL_HOST_NET = 'limit full-net'
const CPU = 'CPU time of Node for a fresh Sandbox'

/** Start to end of /bin/true, by everybody who can. */
export const startGroup: Group = { name: 'start', title: 'Start to exit of `/bin/true`', measure }

async function measure({ workspace, quick }: Context): Promise<Section> {
  await using node = await MeasuredProcess.start()
  const { id, pid } = await node.ask<{ id: string; pid: number }>('identify')
  const parents = groupParents(pid, id)
  const peers = await findPeers(workspace, workspace.compile('launch'))
  const subjects = [
    ...limitSubjects(workspace, parents),
    node.subject(FRESH, 10, 'fresh'),
    node.subject(UNLIKE, 5, 'freshUnlike'),
    firstSubject(),
    node.subject(FRESH_HOST_NET, 10, 'freshHostNet'),
    node.subject(LIVE, 10, 'live'),
    node.subject(BARE, 10, 'spawn'),
    node.subject(CPU, 5, 'cpu'),
    ...peers.subjects,
  ]
  const measured = await interleave(subjects, quick ? 6 : 24, quick ? 2 : 4)
  const row = (what: string, against?: string, atMost?: number) =>
    measuredRow(
      measured,
      what,
      'ms',
      against === undefined ? undefined : { against, ...(atMost === undefined ? {} : { atMost }) },
    )
  return {
    rows: [
      ...['limit none', 'limit sandbox', 'limit sandbox+net', FULL, FULL_HOST_NET].map((what) => row(what)),
      row(FRESH, FULL, 1.25),
      row(UNLIKE, FULL),
      row(FIRST, FULL),
      row(FRESH_HOST_NET, FULL_HOST_NET, 1.25),
      row(CPU, FRESH),
      row(BARE),
      row(LIVE, BARE, 1),
      ...peers.subjects.map(({ name }) => row(name, FRESH)),
    ],
    notes: [
      ...measured.failures,
      `limit: ${LIMIT_NOTE}, and with a new group in ${parents.length} hierarchies, as many as a default Sandbox has here`,
      'fresh Sandbox: create, run, close; it also does what limit does not: /etc, masked paths, capabilities, seccomp, limits, streams',
      'fresh Sandbox: like the ones before it in its process, back to back; what they share or prepare for the next one is not made again',
      'a Sandbox without groups is no row: the SDK has no option that leaves the default limits out',
      'whole programs are started by vfork and exec from C, so that nothing of Node is in their times',
      ...peers.notes,
    ],
  }
}

/** A process is started for each; only what it does for its first sandbox is timed. */
function firstSubject(): Subject {
  return {
    name: FIRST,
    batch: 1,
    async measure() {
      await using node = await MeasuredProcess.start()
      return await node.ask<number[]>('fresh', 1)
    },
  }
}

const LIMIT_NOTE =
  'bench/limit.c, the kernel’s own cost; full is user, mount, pid, uts, ipc, net and cgroup namespace with a PID 1'

function limitSubjects(workspace: Workspace, parents: readonly string[]): readonly Subject[] {
  const limit = workspace.compile('limit')
  const root = workspace.makeRoot('limit-root')
  return ['none', 'sandbox', 'sandbox+net', 'full', 'full-net'].map((mode) => ({
    name: `limit ${mode}`,
    batch: 10,
    measure: (count) => timesOf(limit, [root, String(count), mode, ...(mode.startsWith('full') ? parents : [])]),
  }))
}
