import { InvalidInputError, StateError, SyscallError, UnsupportedError } from '../../base/errors.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { processesOf } from '../cgroups/processes.ts'
import type { Given } from '../command-line/definitions.ts'
import type { Context } from '../context.ts'
import { print } from '../print.ts'

/** `ps [--format table|json] ID [OPTION…]` */
export async function run({ kernel, store }: Context, given: Given<'ps'>): Promise<void> {
  const record = store.load(given.id)
  if (record.groups.length === 0) {
    throw new StateError(
      `Container ${JSON.stringify(given.id)} has no control group, so its processes cannot be told from others`,
      { state: 'without groups', wanted: 'groups' },
    )
  }
  const pids = processesOf(kernel, record.groups)
  if (given.options.format === 'json') print(kernel, `${JSON.stringify(pids)}\n`)
  else print(kernel, rowsOf(await askPs(kernel, given.arguments), new Set(pids)))
}

/** Only for people: engines ask for JSON. */
async function askPs(kernel: Kernel, words: readonly string[]): Promise<string> {
  const { captureProgram } = await import('./capture-program.ts')
  const asked = words.length === 0 ? ['-ef'] : words
  const { status, stdout, stderr } = captured(() => captureProgram(kernel, ['ps', ...asked]))
  if (status === 0) return stdout
  throw new InvalidInputError(`ps ${asked.join(' ')} failed: ${stderr.trim()}`, { field: 'arguments' })
}

function captured<T>(capture: () => T): T {
  try {
    return capture()
  } catch (error) {
    if (!(error instanceof SyscallError) || error.errno !== 'ENOENT') throw error
    const remedy = 'install procps, or ask for --format json'
    throw new UnsupportedError('There is no ps(1) in PATH', { fact: 'ps', remedy, cause: error })
  }
}

/** The heading, and the lines of these processes. */
function rowsOf(text: string, pids: ReadonlySet<number>): string {
  const [heading = '', ...lines] = text.split('\n')
  const column = heading.trim().split(/\s+/).indexOf('PID')
  if (column < 0) {
    throw new InvalidInputError('The options of ps must let it print the column PID', { field: 'arguments' })
  }
  const ours = lines.filter((line) => pids.has(Number(line.trim().split(/\s+/)[column])))
  return [heading, ...ours, ''].join('\n')
}
