import { StateError, UnsupportedError } from '../../base/errors.ts'
import { parseConfig } from '../../bundle/config/parse-config.ts'
import type { Config } from '../../bundle/spec.ts'
import { SyncAgent } from '../../kernel/agent.ts'
import { removeFile } from '../../kernel/files.ts'
import { readProcess } from '../../kernel/process.ts'
import { stat } from '../../kernel/stat.ts'
import { freezerDirectory } from '../cgroups/freeze.ts'
import { processesOf } from '../cgroups/processes.ts'
import type { Given } from '../command-line/definitions.ts'
import type { Context } from '../context.ts'
import { criuPlaces, criuWords, INVENTORY, NETWORK_KEY, runCriu } from '../lifecycle/criu.ts'
import { outsideMountWords } from '../lifecycle/outside-mounts.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import { outsideStreamWords, saveStreams, streamNames } from '../lifecycle/standard-streams.ts'

type Options = Given<'checkpoint'>['options']

/** `checkpoint ID`: the container ends with its checkpoint, unless it is left running. */
export async function run(context: Context, { id, options }: Given<'checkpoint'>): Promise<void> {
  const { kernel, store } = context
  const record = store.load(id, { lock: true })
  const status = store.status(record)
  if (status !== 'running' && status !== 'paused') {
    throw new StateError(`Cannot write a checkpoint of container ${JSON.stringify(id)} that is ${status}`, {
      state: status,
      wanted: 'running',
    })
  }
  const { config } = parseConfig(store.configText(id))
  refuseWhatIsLost(config)
  const places = criuPlaces(context, options, config)
  const names = streamNames(kernel, record.pid)
  refuseSockets(config, names)
  warnOfOthers(context, record)
  const freezer = freezerDirectory(kernel, record.groups)
  const words = [
    ...criuWords(options, places),
    ...['--tree', String(record.pid), '--root', record.rootfs],
    ...(freezer === undefined ? [] : ['--freeze-cgroup', freezer]),
    ...outsideMountWords(kernel, { config, pid: record.pid }),
    ...outsideStreamWords(names),
    ...outsideNamespaceWords(context, config),
    ...dumpWords(options),
  ]
  // Written last of all: what is begun and fails is no checkpoint, nor is an older one that it was written over.
  removeFile(kernel, `${places.images}/${INVENTORY}`)
  const agent = SyncAgent.start(kernel)
  try {
    const descriptors = options.statusFd === undefined ? [] : [options.statusFd]
    runCriu(context, { agent, action: options.preDump ? 'pre-dump' : 'dump', words, places, descriptors })
  } finally {
    agent.end()
  }
  if (options.preDump !== true) saveStreams(kernel, places.images, names)
}

const dumpWords = ({ preDump, parentPath, leaveRunning, pageServer, statusFd }: Options): string[] => [
  ...(parentPath === undefined ? [] : ['--prev-images-dir', parentPath]),
  ...(preDump || parentPath !== undefined ? ['--track-mem'] : []),
  ...(leaveRunning ? ['--leave-running'] : []),
  ...(pageServer === undefined ? [] : pageServerWords(pageServer)),
  ...(statusFd === undefined ? [] : ['--status-fd', '3']),
]

function pageServerWords(text: string): readonly string[] {
  const cut = text.lastIndexOf(':')
  return ['--page-server', '--address', text.slice(0, cut), '--port', text.slice(cut + 1)]
}

/** Of these namespaces criu(8) would make new ones, with nobody else in them. */
const UNJOINABLE = ['pid', 'user', 'cgroup', 'mount', 'time']

function refuseWhatIsLost({ process, linux }: Config): void {
  if (process?.terminal) {
    throw new UnsupportedError('/process/terminal: criu(8) cannot write a terminal whose master is outside', {
      fact: 'criu terminal',
      remedy: 'run the container without a terminal',
    })
  }
  const index = linux?.namespaces?.findIndex(({ type, path }) => path && UNJOINABLE.includes(type)) ?? -1
  if (index < 0) return
  throw new UnsupportedError(
    `/linux/namespaces/${index}/path: criu(8) cannot have a container join this namespace again`,
    {
      fact: 'criu namespace',
      remedy: 'join namespaces of type network, ipc and uts only',
    },
  )
}

/** criu(8) knows the sockets of the network namespace that it writes, and no others. */
function refuseSockets({ linux }: Config, names: readonly string[]): void {
  const stream = names.findIndex((name) => name.startsWith('socket:'))
  if (stream < 0 || !linux?.namespaces?.some(({ type }) => type === 'network')) return
  throw new UnsupportedError(
    `Standard stream ${stream} is a socket of another network namespace: criu(8) cannot write it`,
    {
      fact: 'criu socket',
      remedy: 'give the container pipes instead',
    },
  )
}

/** Only the descendants of the first process are written; what `exec` has made is not one. */
function warnOfOthers({ kernel, log }: Context, { pid, groups }: ContainerRecord): void {
  const isBelow = (each: number): boolean => {
    const parent = readProcess(kernel, each)?.parent ?? pid
    return parent === pid || (parent > 1 && isBelow(parent))
  }
  const others = processesOf(kernel, groups).filter((each) => each !== pid && !isBelow(each))
  if (others.length === 0) return
  log.warn(`The checkpoint does not hold processes that exec has made: ${others.join(', ')}`)
}

function outsideNamespaceWords({ kernel }: Context, config: Config): readonly string[] {
  const network = config.linux?.namespaces?.find(({ type, path }) => type === 'network' && path)
  if (!network?.path) return []
  const found = stat(kernel, network.path)
  return found ? ['--external', `net[${found.inode}]:${NETWORK_KEY}`] : []
}
