import { SyscallError } from '../base/errors.ts'
import type { Kernel } from '../kernel/kernel.ts'
import { runCommand } from './command-loaders.ts'
import type { CommandName, GivenGlobals } from './command-line/definitions.ts'
import { commandNamed, parseCommand, parseGlobals } from './command-line/parse-command-line.ts'
import type { Context, GlobalOptions } from './context.ts'
import { Log } from './log.ts'
import { print } from './print.ts'
import { stateRoot } from './state/state-root.ts'
import { StateStore } from './state/state-store.ts'

const FAILED = 1

/** `exec` ends with the status of its process, which can be 1; no process ends with this one by itself. */
const EXEC_FAILED = 255

/** Does what the words say; the exit code. Whatever fails is said in the log and on stderr. */
export async function runCommandLine(kernel: Kernel): Promise<number> {
  const started = performance.now()
  const globals: GivenGlobals = {}
  let name: CommandName | undefined
  try {
    const at = parseGlobals(kernel.words, globals)
    if (globals.version === true) return await printVersion(kernel)
    if (globals.help === true) return await printHelp(kernel)
    name = commandNamed(kernel.words[at])
    const command = parseCommand(name, kernel.words.slice(at + 1))
    const context = contextOf(kernel, globals)
    const { log } = context
    if (log.isDebug) log.debug(`carrel-oci ${kernel.words.join(' ')}`)
    const code = await runCommand(context, command)
    log.flush()
    if (log.isDebug) log.debug(`${name}: exit code ${code} after ${(performance.now() - started).toFixed(1)} ms`)
    return code
  } catch (error) {
    const log = logOf(kernel, globals)
    log.error(messageOf(error))
    if (log.isDebug && error instanceof Error) log.debug(error.stack ?? error.message)
    return name === 'exec' ? EXEC_FAILED : FAILED
  }
}

async function printVersion(kernel: Kernel): Promise<number> {
  print(kernel, (await import('./version.ts')).versionText())
  return 0
}

async function printHelp(kernel: Kernel): Promise<number> {
  const help = await import('./commands/help.ts')
  help.run({ kernel }, { command: undefined })
  return 0
}

function contextOf(kernel: Kernel, globals: GivenGlobals): Context {
  const root = stateRoot(kernel, globals.root)
  const options: GlobalOptions = {
    root,
    debug: isDebug(globals),
    cgroupManager: globals.systemdCgroup === true ? 'systemd' : (globals.cgroupManager ?? 'cgroupfs'),
    criu: globals.criu ?? 'criu',
  }
  return { kernel, options, log: logOf(kernel, globals), store: new StateStore(kernel, root) }
}

const isDebug = ({ debug, logLevel }: GivenGlobals): boolean => debug === true || logLevel === 'debug'

let known: Log | undefined

/** The one log of this process: warnings of a command that fails stand beside its error. */
function logOf(kernel: Kernel, globals: GivenGlobals): Log {
  const { log: file, logFormat: format = 'text' } = globals
  // runc's own default is this file, which cannot be opened when stderr is a socket.
  const isFile = file !== undefined && file !== '' && file !== '/dev/stderr'
  known ??= new Log(kernel, { ...(isFile ? { file } : {}), format, debug: isDebug(globals) })
  return known
}

/** Engines tell failures by the words of strerror(3); errors of calls carry their names alone. */
function messageOf(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const words = error instanceof SyscallError ? WORDS[error.errno] : undefined
  return words === undefined || error.message.includes(words) ? error.message : `${error.message} (${words})`
}

const WORDS: Readonly<Record<string, string>> = {
  ENOENT: 'no such file or directory',
  EACCES: 'permission denied',
  EPERM: 'operation not permitted',
  ESRCH: 'no such process',
  EEXIST: 'file exists',
  EBUSY: 'device or resource busy',
  EINVAL: 'invalid argument',
  ENOTDIR: 'not a directory',
  EROFS: 'read-only file system',
  ENOSPC: 'no space left on device',
}
