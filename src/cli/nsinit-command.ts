import { Command, Option } from 'commander'
import { InvalidInputError } from '../base/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import type { Nsinit } from '../nsinit/lifecycle/nsinit-context.ts'
import { NOT_EXECUTABLE, NOT_FOUND, report } from './report.ts'

/** What a command answers with: its exit code, 0 when it says none. */
type Outcome = number | void

/** `carrel nsinit`: containers of 2014's container.json, one per directory. */
export const nsinitCommand = new Command('nsinit')
  .description('containers as libcontainer had them: a directory with a root file system and a container.json')
  .option('--data-path <dir>', 'where container.json is, and pid and state.json while the container lives')
  .enablePositionalOptions()

nsinitCommand
  .command('exec')
  .description('run a command in the container of this directory, which is started when it does not live')
  .argument('[command...]', 'the command and its arguments')
  .option('--list', 'print the built-in functions')
  .option('--func <name>', 'run a built-in function in the live container, with the words as its arguments')
  .passThroughOptions()
  .action((command: string[], { list, func }: { list?: boolean; func?: string }) => {
    if (list === true) {
      return act(async (kernel) => (await import('../nsinit/commands/list-functions.ts')).run(kernel))
    }
    if (func === undefined) {
      return inDirectory(async (nsinit) => (await import('../nsinit/commands/exec.ts')).run(nsinit, { command }))
    }
    return inDirectory(async (nsinit) =>
      (await import('../nsinit/commands/run-function.ts')).run(nsinit, { name: func, words: command }),
    )
  })

for (const name of ['config', 'spec'] as const) {
  nsinitCommand
    .command(name)
    .description(`print what container.json means, checked${name === 'spec' ? '; the first name of "config"' : ''}`)
    .option('--new', 'print an example to be edited instead')
    .action(async ({ new: isNew = false }: { new?: boolean }) =>
      inDirectory(async (nsinit) => (await import('../nsinit/commands/config.ts')).run(nsinit, { isNew })),
    )
}

nsinitCommand
  .command('stats')
  .description('print what the live container uses: CPU, memory, disks, interfaces')
  .option('--human', 'for people instead of JSON')
  .action(({ human = false }: { human?: boolean }) =>
    inDirectory(async (nsinit) => (await import('../nsinit/commands/stats.ts')).run(nsinit, { human })),
  )

nsinitCommand
  .command('pause')
  .description('have every process of the live container stand still')
  .action(() => inDirectory(async (nsinit) => (await import('../nsinit/commands/pause.ts')).run(nsinit)))

nsinitCommand
  .command('unpause')
  .description('have them go on')
  .action(() => inDirectory(async (nsinit) => (await import('../nsinit/commands/unpause.ts')).run(nsinit)))

nsinitCommand
  .command('oom')
  .description('print a line for each time that the live container runs out of memory, until it ends')
  .option('--json', 'one JSON object a line')
  .action(({ json = false }: { json?: boolean }) =>
    inDirectory(async (nsinit) => (await import('../nsinit/commands/oom.ts')).run(nsinit, { json })),
  )

nsinitCommand
  .command('nsenter')
  .description('run a command in the container that a process belongs to')
  .argument('[command...]', 'the command and its arguments')
  .requiredOption('--nspid <pid>', 'a process of the container')
  .option(
    '--containerjson <file>',
    'user, capabilities, environment and limits; default those that it was started with',
  )
  .passThroughOptions()
  .action((command: string[], { nspid, containerjson }: { nspid: string; containerjson?: string }) =>
    act(async (kernel) => {
      const given = containerjson === undefined ? {} : { containerJson: containerjson }
      return (await import('../nsinit/commands/nsenter.ts')).run(kernel, { nspid, command, ...given })
    }),
  )

nsinitCommand
  .command('convert')
  .description('print container.json as a config.json of the OCI specification, or the way back')
  .argument('[file]', 'default container.json; - for stdin')
  .argument('[command...]', 'the command that config.json has and container.json has not, after --')
  .addOption(new Option('--to <form>', 'default: the other one').choices(['oci', 'nsinit']))
  .action((input: string | undefined, args: string[], { to }: { to?: 'oci' | 'nsinit' }) =>
    act(async (kernel) =>
      (await import('../nsinit/commands/convert.ts')).run(kernel, {
        ...(input === undefined ? {} : { input }),
        ...(to === undefined ? {} : { to }),
        ...(args.length === 0 ? {} : { args }),
      }),
    ),
  )

nsinitCommand
  .command('init', { hidden: true })
  .argument('[word...]')
  .allowUnknownOption()
  .action(() => act(async () => (await import('../nsinit/commands/init.ts')).run()))

nsinitCommand
  .command('end', { hidden: true })
  .argument('<id>')
  .requiredOption('--of <instance>')
  .requiredOption('--exit-code <code>', '', Number)
  .action((id: string, { of, exitCode }: { of: string; exitCode: number }) =>
    act(async (kernel) => {
      const dataPath = givenPath() ?? '.'
      return (await import('../nsinit/commands/end.ts')).run(kernel, { id, dataPath, of, exitCode })
    }),
  )

const givenPath = (): string | undefined => nsinitCommand.opts<{ dataPath?: string }>().dataPath

/** Does something with the directory that is meant. */
const inDirectory = (work: (nsinit: Nsinit) => Promise<Outcome>): Promise<void> =>
  act(async (kernel) => {
    const { openNsinit } = await import('../nsinit/lifecycle/nsinit-context.ts')
    return work(openNsinit(kernel, { dataPath: givenPath() }))
  })

/** No event loop is waited for: the process ends with its command. */
async function act(work: (kernel: Kernel) => Promise<Outcome>): Promise<void> {
  const { currentKernel } = await import('../kernel/current.ts')
  const kernel = await currentKernel()
  kernel.exit(await codeOf(kernel, work))
}

async function codeOf(kernel: Kernel, work: (kernel: Kernel) => Promise<Outcome>): Promise<number> {
  try {
    return (await work(kernel)) ?? 0
  } catch (error) {
    const code = report(error)
    await note(kernel, error)
    return executionCode(error) ?? code
  }
}

/** Environment variable `log` names a file for what is to be told, besides the terminal. */
async function note(kernel: Kernel, error: unknown): Promise<void> {
  const file = kernel.env['log']
  if (!file) return
  const { appendText } = await import('../kernel/files.ts')
  const line = `time="${new Date().toISOString()}" level=error msg=${JSON.stringify((error as Error).message)}\n`
  try {
    appendText(kernel, file, line)
  } catch (failure) {
    report(failure)
  }
}

/** Of a command that cannot be executed in the container: 127 when there is none, else 126. */
function executionCode(error: unknown): number | undefined {
  if (!(error instanceof InvalidInputError) || error.field !== '/process/args/0') return undefined
  return /not found in \$PATH|no such file or directory/.test(error.message) ? NOT_FOUND : NOT_EXECUTABLE
}
