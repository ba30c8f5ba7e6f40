import { StateError, SyscallError } from '../../base/errors.ts'
import { parseConfig } from '../../bundle/config/parse-config.ts'
import { finalError } from '../../bundle/process/final-steps.ts'
import type { Config, Process } from '../../bundle/spec.ts'
import { SyncAgent } from '../../kernel/agent.ts'
import type { RawReply } from '../../kernel/answers.ts'
import { readText, removeFile } from '../../kernel/files.ts'
import { connectUnix } from '../../kernel/socket.ts'
import { errnoName } from '../../linux/errno.ts'
import type { Context } from '../context.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import { STATE_FILES } from '../state/state-store.ts'
import { finalProgram } from './final-program.ts'
import { LATER_START, type LaterStart, runPoststart } from './hand-over.ts'
import { stateText } from './hook-state.ts'
import { runHooks } from './hooks.ts'
import { runPoststop } from './poststop.ts'

/** Opens the gate of a created container, and hears whether its program was executed. */
export async function startContainer(context: Context, id: string): Promise<void> {
  const { kernel, store } = context
  const record = store.load(id, { lock: true })
  const status = store.status(record)
  if (status !== 'created') {
    throw new StateError(
      `Cannot start container ${JSON.stringify(id)} in the state "${status}": it must be "created"`,
      {
        state: status,
        wanted: 'created',
      },
    )
  }
  const directory = store.directory(id)
  const agent = SyncAgent.attach(kernel, passGate(context, record))
  removeFile(kernel, `${directory}/${STATE_FILES.start}`)
  const later = readText(kernel, `${directory}/${LATER_START}`)
  // Only hooks need the configuration again.
  const hooks = later !== undefined || hasPoststart(context, id) ? configOf(context, id) : undefined
  try {
    if (later !== undefined && hooks) await goOn(context, { agent, record, config: hooks, later })
    else reportExecution(agent.nextReply(), record)
    if (hooks?.hooks?.poststart) runPoststart(kernel, hooks.hooks, stateText(record, 'running', hooks.ociVersion))
  } catch (error) {
    await giveUp(context, record, hooks)
    throw error
  }
}

/** A "start" that was killed may have gone through the gate and have left the sign that it is shut. */
function passGate({ kernel, store }: Context, { id }: ContainerRecord): number {
  const path = `${store.directory(id)}/${STATE_FILES.start}`
  try {
    return connectUnix(kernel, path)
  } catch (error) {
    if (!(error instanceof SyscallError) || error.errno !== 'ECONNREFUSED') throw error
    removeFile(kernel, path)
    throw new StateError(`Container ${JSON.stringify(id)} was started already`, { state: 'running', wanted: 'created' })
  }
}

const POSTSTART = '"poststart"'

const hasPoststart = ({ store }: Context, id: string): boolean => store.configText(id).includes(POSTSTART)

const configOf = ({ store }: Context, id: string): Config => parseConfig(store.configText(id)).config

interface Later {
  readonly agent: SyncAgent
  readonly record: ContainerRecord
  readonly config: Config
  readonly later: string
}

/** Hooks of the container, in the container, by its first process; then what it waits for. */
async function goOn({ kernel }: Context, { agent, record, config, later }: Later): Promise<void> {
  // The answer to the gate itself
  agent.nextReply()
  const { ready, ...rest } = JSON.parse(later) as LaterStart
  const state = stateText(record, 'created', config.ociVersion)
  runHooks(config.hooks, 'startContainer', { kernel, place: agent, state })
  const p = await finalProgram(kernel, { process: config.process as Process, linux: config.linux, ready, ...rest })
  try {
    agent.become(p)
  } catch (error) {
    throw finalError(error, ready.executable)
  }
}

/** The end of the connection is the success of the execution; an answer says why there was none. */
function reportExecution(reply: RawReply | undefined, { final }: ContainerRecord): void {
  if (!reply) return
  const step = reply.results.length - 1
  const steps = final?.steps ?? step + 1
  const isExecution = step === steps - 1
  const error = new SyscallError({
    call: isExecution ? 'execve' : 'step of the last program',
    args: isExecution ? JSON.stringify(final?.executable ?? '') : String(step),
    errno: errnoName(reply.error),
    step,
    steps,
  })
  throw isExecution ? finalError(error, final?.executable ?? '') : error
}

/** A start that failed leaves a stopped container: its hooks of the end run now, as for one that ended by itself. */
async function giveUp(context: Context, record: ContainerRecord, config: Config | undefined): Promise<void> {
  const { endFirst } = await import('./end-first.ts')
  endFirst(context.kernel, record)
  if (!config?.hooks?.poststop) return
  // Before they run: what is left to `delete` is not to run them a second time.
  context.store.save({ ...record, poststopRan: true })
  runPoststop(context, config, record)
}
