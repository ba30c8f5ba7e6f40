import { cpSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { defaultConfig } from '../src/bundle/default-config.ts'
import { machineArch } from '../src/linux/arch.ts'
import { ROOT, type Workspace } from './workspace.ts'

/** Bundles that every runtime gets, by path: one root file system, and configurations that differ in one thing each. */
export interface OciBundles {
  readonly true: string
  /** The same with the filter that docker writes */
  readonly filtered: string
  readonly sleep: string
}

/** Makes them. The configuration is what `carrel-oci spec` proposes for root, without a terminal and without a filter. */
export function makeBundles(workspace: Workspace): OciBundles {
  const root = workspace.makeRoot('oci-root')
  // It needs no library that /bin/true does not.
  cpSync('/bin/sleep', join(root, 'bin/sleep'), { dereference: true })
  const { process, linux, ...rest } = defaultConfig({ arch: machineArch() })
  const make = (name: string, args: readonly string[], seccomp?: unknown): string => {
    const path = join(workspace.path, `oci-${name}`)
    mkdirSync(path)
    const config = {
      ...rest,
      // What the peers of Debian 12 know.
      ociVersion: '1.0.2',
      root: { path: root, readonly: true },
      process: { ...process, terminal: false, args },
      linux: { ...linux, seccomp },
    }
    writeFileSync(join(path, 'config.json'), JSON.stringify(config))
    return path
  }
  return {
    true: make('true', ['/bin/true']),
    filtered: make('filtered', ['/bin/true'], dockersFilter()),
    sleep: make('sleep', ['/bin/sleep', '1000']),
  }
}

/** Of the configuration of a container as dockerd 20.10 wrote it. */
function dockersFilter(): unknown {
  const path = join(ROOT, 'test/oci/fixtures/docker-bridge-config.json')
  const { linux } = JSON.parse(readFileSync(path, 'utf8')) as { linux: { seccomp?: unknown } }
  if (linux.seccomp === undefined) throw new Error(`${path} has no seccomp profile`)
  return linux.seccomp
}
