import { InvalidInputError } from '../../base/errors.ts'
import { parseConfig } from '../../bundle/config/parse-config.ts'
import { parseJson } from '../../bundle/config/parse-json.ts'
import { attempt } from '../../kernel/call.ts'
import { close, O, readAll, tryOpen, writeAll } from '../../kernel/descriptors.ts'
import { readText, textOf } from '../../kernel/files.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import { machineArch } from '../../linux/arch.ts'
import { print } from '../../oci/print.ts'
import type { ContainerConfig } from '../container-json/container-config.ts'
import { formatContainerJson } from '../container-json/format-container-json.ts'
import { parseContainerJson } from '../container-json/parse-container-json.ts'
import { writeJson } from '../container-json/write-json.ts'
import { fromOci } from '../convert/from-oci.ts'
import { readUser } from '../convert/read-user.ts'
import { type ResolvedUser, resolveUser } from '../convert/resolve-user.ts'
import { toOci } from '../convert/to-oci.ts'

export interface ConvertGiven {
  /** File to be read, `-` for stdin; default container.json */
  readonly input?: string
  /** Default: the other one than the document is */
  readonly to?: 'oci' | 'nsinit'
  /** The command that config.json has and container.json has not; default a shell */
  readonly args?: readonly string[]
}

const STDIN = 0
const STDERR = 2

/** `convert [FILE] [-- COMMAND…]`: a container.json as a config.json of the OCI specification, or the way back; on stdout. */
export function run(kernel: Kernel, { input = 'container.json', to, args = ['sh'] }: ConvertGiven = {}): void {
  const text = readInput(kernel, input)
  if ((to ?? otherThan(text)) === 'oci') print(kernel, asOci(kernel, parseContainerJson(text), { input, args }))
  else print(kernel, asNsinit(kernel, text))
}

/** Only a config.json has a version. */
function otherThan(text: string): 'oci' | 'nsinit' {
  const value = parseJson(text, 'The document')
  return typeof value === 'object' && value !== null && 'ociVersion' in value ? 'nsinit' : 'oci'
}

function readInput(kernel: Kernel, input: string): string {
  if (input === '-') return textOf(readAll(kernel, STDIN, 'stdin'))
  const text = readText(kernel, input)
  if (text !== undefined) return text
  throw new InvalidInputError(`There is no file ${input}: name one, or "-" for stdin`, { field: 'FILE' })
}

function asOci(
  kernel: Kernel,
  config: ContainerConfig,
  { input, args }: { readonly input: string; readonly args: readonly string[] },
): string {
  const ids = { uid: attempt(kernel, 'geteuid'), gid: attempt(kernel, 'getegid') }
  const oci = toOci(config, {
    arch: machineArch(),
    args,
    user: userOf(kernel, config, input),
    ...(ids.uid !== 0 && { rootless: ids }),
  })
  return `${writeJson(oci)}\n`
}

/** By the lists of the root that the bundle will have, if it is there already. */
function userOf(kernel: Kernel, { rootFs = '.', user }: ContainerConfig, input: string): ResolvedUser {
  const slash = input.lastIndexOf('/')
  const directory = slash < 0 ? '' : input.slice(0, slash + 1)
  const root = tryOpen(kernel, rootFs.startsWith('/') ? rootFs : `${directory}${rootFs}`, O.RDONLY | O.DIRECTORY)
  if (root < 0) return resolveUser(user, '', '')
  try {
    return readUser(kernel, root, user)
  } finally {
    close(kernel, root)
  }
}

function asNsinit(kernel: Kernel, text: string): string {
  const oci = parseConfig(text)
  const { config, notes } = fromOci(oci.config, { arch: machineArch() })
  const command = oci.config.process?.args
  const words = command ? [`/process/args is given to nsinit exec: ${JSON.stringify(command)}`] : []
  for (const note of [...oci.warnings, ...notes, ...words]) {
    writeAll(kernel, STDERR, new TextEncoder().encode(`carrel nsinit convert: ${note}\n`), 'stderr')
  }
  return formatContainerJson(config)
}
