import { chmodSync, chownSync, lchownSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Config, Hooks, Mount, Process } from '../../src/bundle/spec.ts'
import { type Bundle, bundle, removeGroup, undoAfterTest, uniqueName } from '../support/oci.ts'
import { writeConfig } from '../support/oci-bundle.ts'

const FIXTURES = join(import.meta.dirname, 'fixtures')

/** Names of the configurations that engines wrote, without `-config.json`. */
export const FIXTURE_NAMES = readdirSync(FIXTURES).flatMap((name) => /^(.*)-config\.json$/.exec(name)?.[1] ?? [])

/** A configuration of an engine in a bundle that can run here. */
export interface Fixture {
  readonly bundle: Bundle
  readonly config: Config
  /** Of its exec, when there is one */
  readonly process?: Process
  /** What its hook leaves: the network namespace of the container and the arguments that it got */
  readonly hookResult: string
}

const read = <T>(name: string): T | undefined =>
  readdirSync(FIXTURES).includes(name) ? (JSON.parse(readFileSync(join(FIXTURES, name), 'utf8')) as T) : undefined

/** The configuration with its paths below the bundle, a program that waits, and a hook that looks at the network namespace. */
export function fixture(name: string): Fixture {
  const config = read<Config>(`${name}-config.json`) as Config
  const process = read<Process>(`${name}-process.json`)
  const place = config.linux?.cgroupsPath
  const top = `/${uniqueName()}`
  // Engines' groups are two deep; the runtime leaves what is above its own.
  undoAfterTest(() => removeGroup(top))
  const cgroupsPath = place === undefined ? undefined : `${top}${place}`
  const made = bundle({ linux: { cgroupsPath } })
  const hookResult = join(made.path, 'hook-result')
  const moved: Config = {
    ...config,
    root: { ...config.root, path: config.root?.path.startsWith('/') ? made.root : 'rootfs' },
    process: { ...(config.process as Process), args: waiting(config.process?.args ?? []) },
    mounts: (config.mounts ?? []).map((mount) => withSource(mount, join(made.path, 'host'))),
    ...(config.hooks ? { hooks: hooksOf(config.hooks, made.path, hookResult) } : {}),
    linux: { ...config.linux, ...(cgroupsPath === undefined ? {} : { cgroupsPath }) },
  }
  const owner = config.linux?.uidMappings?.[0]?.hostID
  if (owner !== undefined) giveTo(owner, made.root)
  writeConfig(made.path, { ...moved })
  return { bundle: made, config: moved, hookResult, ...(process ? { process } : {}) }
}

/** `true` ends too early to be looked at. */
const waiting = (args: readonly string[]): readonly string[] =>
  args.flatMap((word) => (/^(\/bin\/)?true$/.test(word) ? ['sleep', '1000'] : [word]))

function withSource(mount: Mount, folder: string): Mount {
  const { source, destination, options = [] } = mount
  if (source === undefined || !options.some((each) => each === 'bind' || each === 'rbind')) return mount
  const path = join(folder, source)
  mkdirSync(destination === '/dev/shm' ? path : dirname(path), { recursive: true })
  if (destination === '/sbin/docker-init') executable(path, '#!/bin/sh\nshift\nexec "$@"\n')
  else if (destination !== '/dev/shm') writeFileSync(path, `${destination}\n`)
  return { ...mount, source: path }
}

function executable(path: string, text: string): string {
  writeFileSync(path, text)
  chmodSync(path, 0o755)
  return path
}

/** As docker's libnetwork-setkey: it needs the namespace of the pid in the state. */
function hooksOf(hooks: Hooks, folder: string, result: string): Hooks {
  const path = executable(
    join(folder, 'hook'),
    `#!/bin/sh
pid=$(sed -n 's/.*"pid": *\\([0-9]*\\).*/\\1/p')
net=$(readlink "/proc/$pid/ns/net") || exit 3
[ "$net" != "$(readlink /proc/self/ns/net)" ] || exit 4
echo "$net $*" > ${result}
`,
  )
  return Object.fromEntries(
    Object.entries(hooks).map(([kind, list]) => [kind, list.map((each) => ({ ...each, path }))]),
  )
}

/** Storage of engines belongs to the mapped root. */
function giveTo(owner: number, folder: string): void {
  chownSync(folder, owner, owner)
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    if (entry.isDirectory()) giveTo(owner, join(folder, entry.name))
    else lchownSync(join(folder, entry.name), owner, owner)
  }
}
