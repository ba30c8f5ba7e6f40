import { StateError } from '../../base/errors.ts'
import type { Hook, HookKind, Hooks } from '../../bundle/spec.ts'
import type { SyncAgent } from '../../kernel/agent.ts'
import { close } from '../../kernel/descriptors.ts'
import { textOf } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { memoryFile, readFrom } from '../../kernel/memory-file.ts'
import type { Fd, Ref } from '../../linux/ref.ts'
import { type Program, program } from '../../program/builder.ts'
import { descriptorsStep } from '../../program/special.ts'

/** Bytes of what a hook printed that an error tells */
const TOLD_BYTES = 4096

/** What a hook is run with. */
export interface HookRun {
  readonly kernel: Kernel
  /** A process that stands where the specification wants the hook: it becomes the hook's parent */
  readonly place: SyncAgent
  /** The container's state, for the hook's standard input */
  readonly state: string
}

/**
 * Runs the hooks of a kind one after the other; the first that fails ends it.
 * @throws StateError with the kind, the number and the last words of the hook
 */
export function runHooks(hooks: Hooks | undefined, kind: HookKind, run: HookRun): void {
  hooks?.[kind]?.forEach((hook, index) => runHook(hook, `/hooks/${kind}/${index}`, run))
}

/** Runs all hooks of a kind, and tells of those that fail. */
export function runHooksAnyway(
  hooks: Hooks | undefined,
  kind: HookKind,
  run: HookRun,
  tell: (text: string) => void,
): void {
  hooks?.[kind]?.forEach((hook, index) => {
    try {
      runHook(hook, `/hooks/${kind}/${index}`, run)
    } catch (error) {
      tell((error as Error).message)
    }
  })
}

/** State and output are files in memory: neither side can wait for the other. */
function runHook(hook: Hook, pointer: string, { kernel, place, state }: HookRun): void {
  const input = memoryFile(kernel, 'state', state)
  const output = memoryFile(kernel, 'output', '')
  const child = place.fork()
  const pid = child.pid as number
  try {
    execute(child, hook, { pointer, descriptors: [input, output] })
    const status = place.waitFor(pid, hook.timeout === undefined ? undefined : hook.timeout * 1000)
    if (status === undefined) {
      place.kill(pid)
      throw hookError(pointer, hook, `was killed: it did not end within its timeout of ${hook.timeout} s`)
    }
    if (status === 0) return
    const words = textOf(readFrom(kernel, output, TOLD_BYTES)).trim()
    throw hookError(pointer, hook, `${describeStatus(status)}${words ? `: ${words}` : ''}`)
  } finally {
    child.close()
    close(kernel, input)
    close(kernel, output)
  }
}

function execute(
  child: SyncAgent,
  hook: Hook,
  { pointer, descriptors }: { readonly pointer: string; readonly descriptors: readonly number[] },
): void {
  try {
    child.become(hookProgram(hook), { descriptors })
  } catch (error) {
    throw hookError(pointer, hook, `cannot be executed: ${(error as Error).message}`)
  }
}

/** Only what the configuration says reaches a hook: no variable and no descriptor of the caller or the container. */
function hookProgram({ path, args, env = [] }: Hook): Program {
  const p = program()
  p.because('hooks', `${path}: with the state on its standard input, and with no descriptor but the standard ones`)
  const [input, output] = [p.attached(0), p.attached(1)] as [Ref<Fd>, Ref<Fd>]
  descriptorsStep(p, [
    [input, 0],
    [output, 1],
    [output, 2],
  ])
  p.chdir('/')
  p.rt_sigprocmask('SIG_SETMASK', [])
  p.execve(path, args && args.length > 0 ? args : [path], env)
  return p
}

const hookError = (pointer: string, { path }: Hook, what: string): StateError =>
  new StateError(`${pointer} (${path}) ${what}`, { state: 'failed hook', wanted: 'hooks that succeed' })

/** Of wait4(2) */
function describeStatus(status: number): string {
  const signal = status & 0x7f
  return signal === 0 ? `ended with status ${(status >> 8) & 0xff}` : `was killed by signal ${signal}`
}
