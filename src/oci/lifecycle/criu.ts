import { StateError, SyscallError, UnsupportedError } from '../../base/errors.ts'
import type { SyncAgent } from '../../kernel/agent.ts'
import { makesNamespace } from '../../bundle/mounts/mount-facts.ts'
import type { Config } from '../../bundle/spec.ts'
import { call, cString } from '../../kernel/call.ts'
import { makeDirectories, workingDirectory } from '../../kernel/directories.ts'
import { readText, textOf } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { close } from '../../kernel/descriptors.ts'
import { memoryFile, readFrom } from '../../kernel/memory-file.ts'
import type { Fd, Ref } from '../../linux/ref.ts'
import { type Program, program } from '../../program/builder.ts'
import { DEFAULT_PATH, execSteps } from '../../program/exec-steps.ts'
import { type DescriptorMove, descriptorsStep } from '../../program/special.ts'
import type { Context } from '../context.ts'
import { AT_FDCWD } from '../../linux/at-fdcwd.ts'

/** Key of a network namespace that the container was put in: it stays where it is, and is joined again. */
export const NETWORK_KEY = 'extRootNetNS'

/** Image that a checkpoint ends with */
export const INVENTORY = 'inventory.img'

/** What both directions of criu(8) are told in the same words. */
export interface CriuOptions {
  readonly imagePath?: string
  readonly workPath?: string
  readonly tcpEstablished?: boolean
  readonly extUnixSk?: boolean
  readonly shellJob?: boolean
  readonly fileLocks?: boolean
  readonly lazyPages?: boolean
  readonly autoDedup?: boolean
  readonly manageCgroupsMode?: string
  readonly emptyNs?: readonly string[]
}

/** Where images and logs are, absolute; they are made when they are missing. */
export interface CriuPlaces {
  readonly images: string
  readonly work: string
}

export function criuPlaces(
  { kernel }: Context,
  { imagePath = 'checkpoint', workPath }: CriuOptions,
  config?: Config,
): CriuPlaces {
  const absolute = (path: string): string => (path.startsWith('/') ? path : `${workingDirectory(kernel)}/${path}`)
  const images = absolute(imagePath)
  const work = workPath === undefined ? images : absolute(workPath)
  const group = config && rootGroup(config)
  for (const path of [images, work]) {
    if (makeDirectories(kernel, path, 0o700) && group !== undefined) letIn(kernel, path, group)
  }
  return { images, work }
}

/** The host's number of the group of root in a user namespace of the container's own. */
const rootGroup = (config: Config): number | undefined =>
  makesNamespace(config, 'user')
    ? config.linux?.gidMappings?.find(({ containerID }) => containerID === 0)?.hostID
    : undefined

const UNCHANGED = -1

/** criu(8) restores as root of the user namespace, who must find the images; nobody else is let in by that. */
function letIn(kernel: Kernel, path: string, group: number): void {
  const args = JSON.stringify(path)
  call(kernel, 'fchownat', { args }, AT_FDCWD, cString(path), UNCHANGED, group, 0)
  call(kernel, 'fchmodat', { args }, AT_FDCWD, cString(path), 0o710)
}

/** Words of criu's command line that mean the same in both directions. */
export function criuWords(options: CriuOptions, { images, work }: CriuPlaces): string[] {
  return [
    ...['--images-dir', images, '--work-dir', work],
    // Any other mode mounts cgroup2 without options, which takes nsdelegate and memory_recursiveprot away from the host's.
    `--manage-cgroups=${options.manageCgroupsMode ?? 'ignore'}`,
    ...(options.tcpEstablished ? ['--tcp-established'] : []),
    ...(options.extUnixSk ? ['--ext-unix-sk'] : []),
    ...(options.shellJob ? ['--shell-job'] : []),
    ...(options.fileLocks ? ['--file-locks'] : []),
    ...(options.lazyPages ? ['--lazy-pages'] : []),
    ...(options.autoDedup ? ['--auto-dedup'] : []),
    ...(options.emptyNs ?? []).flatMap((name) => ['--empty-ns', name === 'network' ? 'net' : name]),
  ]
}

/** How a run of criu differs from another. */
export interface CriuRun {
  readonly agent: SyncAgent
  /** `dump`, `pre-dump`, `restore` */
  readonly action: string
  readonly words: readonly string[]
  readonly places: CriuPlaces
  /** Descriptors of this process that criu has as 3, 4, … */
  readonly descriptors?: readonly number[]
}

/** criu takes as long as the memory of a container takes to be written */
const CRIU_MS = 600_000
const TOLD_LINES = 5
/** Stands for a status that did not come in time */
const LATE = 0xff00

/**
 * Runs criu(8) as a child of an agent.
 * @throws UnsupportedError when it is missing, StateError with the errors of its log when it fails
 */
export function runCriu({ kernel, options }: Context, run: CriuRun): void {
  const { agent, action, words, places, descriptors = [] } = run
  const log = `${action}.log`
  const argv = [options.criu, action, ...words, '--log-file', log, '-v4']
  const output = memoryFile(kernel, 'criu', '')
  const child = agent.fork()
  try {
    child.become(criuProgram(argv, descriptors.length), { descriptors: [output, ...descriptors] })
    const status = agent.waitFor(child.pid as number, CRIU_MS) ?? LATE
    if (status !== 0)
      throw failure(
        action,
        status,
        `${places.work}/${log}`,
        lastErrors(readText(kernel, `${places.work}/${log}`) ?? textOf(readFrom(kernel, output, 4096))),
      )
  } catch (error) {
    if (!(error instanceof SyscallError)) throw error
    throw new UnsupportedError(`criu(8) cannot be executed: ${JSON.stringify(options.criu)} (${error.errno})`, {
      fact: 'program:criu',
      remedy: 'install it (apt-get install criu), or name it by --criu',
      cause: error,
    })
  } finally {
    child.close()
    close(kernel, output)
  }
}

function criuProgram(argv: readonly string[], descriptors: number): Program {
  const p = program()
  p.because('criu', 'criu(8) has nothing open but what it is to inherit')
  const output: Ref<Fd> = p.attached(0)
  const null_ = p.openat('AT_FDCWD', '/dev/null', ['O_RDONLY', 'O_CLOEXEC'])
  const more = Array.from({ length: descriptors }, (_, i): DescriptorMove => [p.attached(1 + i), 3 + i])
  descriptorsStep(p, [[null_, 0], [output, 1], [output, 2], ...more])
  p.rt_sigprocmask('SIG_SETMASK', [])
  execSteps(p, { path: argv[0] ?? 'criu', argv, env: { PATH: DEFAULT_PATH } })
  return p
}

/** criu marks what went wrong; without any mark the end of what it said is all there is. */
function lastErrors(text: string): string {
  const lines = text.split('\n').filter(Boolean)
  const errors = lines.filter((line) => line.includes('Error'))
  return (errors.length > 0 ? errors : lines).slice(-TOLD_LINES).join('; ')
}

const failure = (action: string, status: number, log: string, errors: string): StateError =>
  new StateError(`criu ${action} failed (status ${status >> 8}): ${errors}; all of it is in ${log}`, {
    state: `criu status ${status >> 8}`,
    wanted: 'status 0',
  })
