import { StateError, UnsupportedError } from '../../base/errors.ts'
import { parseConfig } from '../../bundle/config/parse-config.ts'
import type { Config } from '../../bundle/spec.ts'
import { SyncAgent } from '../../kernel/agent.ts'
import { stat } from '../../kernel/stat.ts'
import type { Given } from '../command-line/definitions.ts'
import type { Context } from '../context.ts'
import { criuPlaces, criuWords, externalMounts, NETWORK_KEY, runCriu } from '../lifecycle/criu.ts'
import { saveStreams } from '../lifecycle/standard-streams.ts'

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
  refuseTerminal(config, options.shellJob === true)
  const places = criuPlaces(context, options)
  if (options.preDump !== true) saveStreams(kernel, places.images, record.pid)
  const words = [
    ...criuWords(options, places),
    ...['--tree', String(record.pid), '--root', record.rootfs],
    ...externalMounts(config).flatMap(({ place }) => ['--external', `mnt[${place}]:${place}`]),
    ...externalNamespaces(context, config),
    ...(options.parentPath === undefined ? [] : ['--prev-images-dir', options.parentPath, '--track-mem']),
    ...(options.preDump ? ['--track-mem'] : []),
    ...(options.leaveRunning ? ['--leave-running'] : []),
    ...(options.pageServer === undefined ? [] : pageServer(options.pageServer)),
    ...(options.statusFd === undefined ? [] : ['--status-fd', '3']),
  ]
  const agent = SyncAgent.start(kernel)
  try {
    const descriptors = options.statusFd === undefined ? [] : [options.statusFd]
    runCriu(context, { agent, action: options.preDump ? 'pre-dump' : 'dump', words, places, descriptors })
  } finally {
    agent.end()
  }
}

/** criu(8) can only leave a terminal from outside to whoever restores it. */
function refuseTerminal({ process }: Config, allowed: boolean): void {
  if (!process?.terminal || allowed) return
  throw new UnsupportedError('/process/terminal: a terminal of its own cannot be written to a checkpoint', {
    fact: 'criu terminal',
    remedy: 'give --shell-job, and restore it from a terminal',
  })
}

function externalNamespaces({ kernel }: Context, config: Config): readonly string[] {
  const network = config.linux?.namespaces?.find(({ type, path }) => type === 'network' && path)
  if (!network?.path) return []
  const found = stat(kernel, network.path)
  return found ? ['--external', `net[${found.inode}]:${NETWORK_KEY}`] : []
}

function pageServer(text: string): readonly string[] {
  const cut = text.lastIndexOf(':')
  return ['--page-server', '--address', text.slice(0, cut), '--port', text.slice(cut + 1)]
}
