import { InvalidInputError } from '../../base/errors.ts'
import type { Kernel } from '../../kernel/kernel.ts'
import type { Context } from '../../oci/context.ts'
import { Log } from '../../oci/log.ts'
import { stateRoot } from '../../oci/state/state-root.ts'
import { StateStore } from '../../oci/state/state-store.ts'
import { containerId, type DataDirectory, dataPath, openDataDirectory } from './data-directory.ts'

/** What every command of nsinit works with. */
export interface Nsinit {
  /** Of `src/oci`, with a store of states of its own */
  readonly context: Context
  readonly data: DataDirectory
  /** Of the one container that may live in this directory */
  readonly id: string
}

export interface NsinitOptions {
  /** Default: environment variable `data_path`, else the working directory */
  readonly dataPath?: string | undefined
}

/** Opens the data directory; nothing of the machine is changed. @throws InvalidInputError when there is none */
export function openNsinit(kernel: Kernel, { dataPath: given }: NsinitOptions = {}): Nsinit {
  const data = openDataDirectory(kernel, dataPath(kernel, given))
  return { context: nsinitContext(kernel), data, id: containerId(data) }
}

/** The context of `src/oci` for its containers. Environment variable `log` names a file for what is to be told. */
export function nsinitContext(kernel: Kernel, cgroupManager: 'cgroupfs' | 'systemd' = 'cgroupfs'): Context {
  const root = stateRoot(kernel, namedRoot(kernel), 'carrel-nsinit')
  const { log: file } = kernel.env
  return {
    kernel: withoutSockets(kernel),
    options: { root, debug: false, cgroupManager, criu: 'criu' },
    log: new Log(kernel, { ...(file ? { file } : {}), format: 'text', debug: false, name: 'carrel nsinit' }),
    store: new StateStore(kernel, root),
  }
}

/** Beside the records of sandboxes, where a directory is named for those: one variable for all that `carrel gc` looks at. */
function namedRoot({ env: { CARREL_RUNTIME_DIR: named = '' } }: Kernel): string | undefined {
  if (named === '') return undefined
  if (named.startsWith('/')) return `${named.replace(/\/+$/, '')}-nsinit`
  const rule = `CARREL_RUNTIME_DIR must be an absolute path, not ${JSON.stringify(named)}`
  throw new InvalidInputError(`${rule}: give one, or unset it`, { field: 'CARREL_RUNTIME_DIR' })
}

/** Sockets that a service manager handed to the caller (sd_listen_fds(3)) are not for containers: what one gets is in container.json. */
function withoutSockets(kernel: Kernel): Kernel {
  const { LISTEN_FDS: _, LISTEN_PID: __, LISTEN_FDNAMES: ___, ...env } = kernel.env
  return { ...kernel, env }
}
