import { InvalidInputError, StateError } from '../../base/errors.ts'
import { parseConfig } from '../../bundle/config/parse-config.ts'
import type { Process } from '../../bundle/spec.ts'
import { close } from '../../kernel/descriptors.ts'
import { readText } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { memoryFile } from '../../kernel/memory-file.ts'
import { isAlive } from '../../kernel/process.ts'
import { machineArch } from '../../linux/arch.ts'
import { processesOf } from '../../oci/cgroups/processes.ts'
import type { Context } from '../../oci/context.ts'
import { execInContainer } from '../../oci/lifecycle/exec-container.ts'
import { follow } from '../../oci/lifecycle/follow.ts'
import type { ContainerRecord } from '../../oci/state/container-record.ts'
import { program } from '../../program/builder.ts'
import { parseContainerJson } from '../container-json/parse-container-json.ts'
import { writeJson } from '../container-json/write-json.ts'
import { readUser } from '../convert/read-user.ts'
import { toOci } from '../convert/to-oci.ts'
import { nsinitContext } from '../lifecycle/nsinit-context.ts'
import { withOwnWords } from '../lifecycle/with-own-words.ts'
import { openRootOf } from './open-root-of.ts'

export interface NsenterGiven {
  /** A process of a container of this user, the first one or another */
  readonly nspid: string
  /** File whose user, capabilities, environment and limits are used; without it those that the container was started with */
  readonly containerJson?: string
  readonly command: readonly string[]
}

/**
 * `nsenter --nspid PID [--containerjson FILE] COMMAND…`: a process in all namespaces and groups of the container that a process belongs
 * to, whatever its directory is called by now; ends with the status of the command.
 * @throws InvalidInputError, StateError
 */
export async function run(kernel: Kernel, { nspid, containerJson, command }: NsenterGiven): Promise<never> {
  if (command.length === 0) {
    throw new InvalidInputError('A command is missing: give its words after the options', { field: 'command' })
  }
  const context = nsinitContext(kernel)
  const record = containerOf(context, nspid)
  const { config } = parseConfig(context.store.configText(record.id))
  const changed = containerJson === undefined ? undefined : processOf(kernel, record, { containerJson, command })
  const tty = (changed ?? config.process)?.terminal === true
  const file = changed && memoryFile(kernel, 'process.json', writeJson(changed))
  const options = { tty, ...(file === undefined ? {} : { process: `/proc/self/fd/${file}` }) }
  const { pid, master } = await withOwnWords(undefined, () =>
    execInContainer(context, { id: record.id, command, options }, { endsWithCaller: true }),
  )
  if (file !== undefined) close(kernel, file)
  context.log.flush()
  // Nothing to clean up: a program without a step succeeds.
  return follow(kernel, { pid, ...(master === undefined ? {} : { master }), cleanup: program() })
}

/** Only what this user's store knows is entered: any other process with that number is a stranger's. */
function containerOf({ kernel, store }: Context, nspid: string): ContainerRecord {
  if (!/^[1-9]\d{0,9}$/.test(nspid)) {
    throw new InvalidInputError(`--nspid must be a process id, not ${JSON.stringify(nspid)}`, { field: '--nspid' })
  }
  const pid = Number(nspid)
  const live = store.list().records.filter((each) => isAlive(kernel, each.pid, each.startTime))
  const found =
    live.find((each) => each.pid === pid) ?? live.find(({ groups }) => processesOf(kernel, groups).includes(pid))
  if (found) return found
  throw new StateError(
    `Process ${pid} belongs to no container that this user started: "pid" in the directory of a container names one, ` +
      'and nsenter(1) of util-linux enters any process',
    { state: 'unknown', wanted: 'process of a container' },
  )
}

/** The process that a container.json says, with this command. Users are looked up in the container's own root. */
function processOf(
  kernel: Kernel,
  record: ContainerRecord,
  { containerJson, command }: Required<Pick<NsenterGiven, 'containerJson' | 'command'>>,
): Process {
  const text = readText(kernel, containerJson)
  if (text === undefined) {
    throw new InvalidInputError(`--containerjson ${containerJson}: no such file`, { field: '--containerjson' })
  }
  const config = parseContainerJson(text)
  const root = openRootOf(kernel, record)
  try {
    const user = readUser(kernel, root, config.user)
    return toOci(config, { arch: machineArch(), args: command, user }).process as Process
  } finally {
    close(kernel, root)
  }
}
