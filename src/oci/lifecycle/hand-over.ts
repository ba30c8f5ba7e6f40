import { InvalidInputError } from '../../base/errors.ts'
import { finalError } from '../../bundle/process/final-steps.ts'
import { notifyMessage } from '../../bundle/seccomp/seccomp-steps.ts'
import { gateSteps } from '../../bundle/start/gate-steps.ts'
import type { Hooks, Process } from '../../bundle/spec.ts'
import { SyncAgent } from '../../kernel/agent.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { waitChild } from '../../kernel/process.ts'
import { writeAtomic } from '../../kernel/files.ts'
import { type Program, program } from '../../program/builder.ts'
import type { ContainerRecord } from '../state/container-record.ts'
import type { Created } from './create-container.ts'
import { finalProgram, type FinalProcess } from './final-program.ts'
import { stateText } from './hook-state.ts'
import { runHooks } from './hooks.ts'
import { passedOn } from './kept-descriptors.ts'

/** File of what `start` needs to go on where hooks of the container come between: a `LaterStart` */
export const LATER_START = 'start.json'

/** What `create` leaves to `start` when hooks run between the gate and the execution. */
export type LaterStart = Pick<FinalProcess, 'ready' | 'preserved' | 'listening' | 'listener'>

/** Leaves the first process at the gate, and the container to `start`. */
export async function leaveAtGate(created: Created): Promise<void> {
  const { creation, record, undo } = created
  const { context, kept, first, bundle } = creation
  try {
    const gate = kept.gate as number
    const isResumed = bundle.config.hooks?.startContainer !== undefined
    const p = isResumed ? gateProgram(created, gate) : await finalProgram(context.kernel, { ...finalOf(created), gate })
    dismiss(created)
    context.store.save(isResumed ? record : withFinal(record, created.ready.executable, p.length))
    letGo(created)
    first.agent.post(p)
    await announce(created)
  } catch (error) {
    await undo.run()
    throw error
  }
}

/** The gate alone, and beside it what `start` goes on with. */
function gateProgram(created: Created, gate: number): Program {
  const { context, kept, options } = created.creation
  const later: LaterStart = { ready: created.ready, ...passedOn(kept), ...listenerOf(created) }
  writeAtomic(context.kernel, `${context.store.directory(options.id)}/${LATER_START}`, JSON.stringify(later))
  const p = program()
  gateSteps(p, gate)
  return p
}

/** Executes the program without a gate, and says what became of it. */
export async function startAtOnce(created: Created): Promise<void> {
  const { creation, record, ready, undo } = created
  const { context, bundle, first } = creation
  const { hooks, ociVersion } = bundle.config
  const { kernel, store } = context
  try {
    const p = await finalProgram(kernel, finalOf(created))
    dismiss(created)
    store.save(record)
    // It counts as created: whatever ends it now, its hooks of the end run.
    undo.hooksRan()
    await announce(created)
    const state = stateText(record, 'created', ociVersion)
    runHooks(hooks, 'startContainer', { kernel, place: first.agent, state })
    letGo(created)
    try {
      first.agent.become(p)
    } catch (error) {
      throw finalError(error, ready.executable)
    }
    if (hooks?.poststart) runPoststart(kernel, hooks, stateText(record, 'running', ociVersion))
  } catch (error) {
    await undo.run()
    throw error
  }
}

/** Nothing is left to do for the maker: it ends while this process goes on. */
const dismiss = ({ creation }: Created): void => dismissMaker(creation.maker)

/** Before the program is executed: its maker would reap it when it ends at once, and who waits for it would not hear of it. */
const letGo = ({ creation: { context, maker } }: Created): void => awaitMaker(context.kernel, maker)

/** In the namespaces of the caller, when the container runs. */
export function runPoststart(kernel: Kernel, hooks: Hooks, state: string): void {
  const place = SyncAgent.start(kernel)
  try {
    runHooks(hooks, 'poststart', { kernel, place, state })
  } finally {
    place.end()
  }
}

/** The maker ends first: its child goes to the subreaper above this process, which engines wait with. */
export function endMaker(kernel: Kernel, maker: SyncAgent): void {
  dismissMaker(maker)
  awaitMaker(kernel, maker)
}

function dismissMaker(maker: SyncAgent): void {
  const p = program()
  p.exit_group(0)
  maker.post(p, {}, false)
}

function awaitMaker(kernel: Kernel, maker: SyncAgent): void {
  if (maker.pid !== undefined) waitChild(kernel, maker.pid)
}

const withFinal = (record: ContainerRecord, executable: string, steps: number): ContainerRecord => ({
  ...record,
  final: { executable, steps },
})

function finalOf(created: Created): FinalProcess {
  const { creation, ready } = created
  const { process, linux } = creation.bundle.config
  const { endsWithCaller = false } = creation.options
  const rest = { ...passedOn(creation.kept), ...listenerOf(created) }
  return { process: process as Process, linux, ready, endsWithCaller, ...rest }
}

function listenerOf({ creation, record }: Created): Pick<FinalProcess, 'listener'> {
  const { kept, bundle } = creation
  if (kept.listener === undefined) return {}
  const metadata = bundle.config.linux?.seccomp?.listenerMetadata
  const message = notifyMessage({ ...record, status: 'creating', ...(metadata === undefined ? {} : { metadata }) })
  return { listener: { socket: kept.listener, message } }
}

/** Tells the caller what it asked to be told: the master of the terminal, the pid. */
async function announce({ creation, record, ready }: Created): Promise<void> {
  const { context, options } = creation
  if (options.consoleSocket && ready.master !== undefined) {
    const { sendMaster } = await import('./console-socket.ts')
    sendMaster(context.kernel, options.consoleSocket, ready.master)
  }
  if (options.pidFile) writeAtomic(context.kernel, options.pidFile, String(record.pid), { mode: 0o644 })
}

/**
 * A terminal needs somebody who has its master: the socket's owner, or a command that stays.
 * @throws InvalidInputError
 */
export function checkConsole(
  process: Process,
  { consoleSocket, detached }: { readonly consoleSocket: string | undefined; readonly detached: boolean },
): void {
  if (process.terminal && detached && consoleSocket === undefined) {
    throw new InvalidInputError(
      '/process/terminal wants a terminal, and nobody would have its master: give --console-socket',
      { field: '/process/terminal' },
    )
  }
  if (!process.terminal && consoleSocket !== undefined) {
    throw new InvalidInputError(
      '--console-socket is given and /process/terminal wants no terminal: leave one of them out',
      {
        field: '--console-socket',
      },
    )
  }
}
