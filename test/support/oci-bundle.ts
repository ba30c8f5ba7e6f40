import { execFileSync } from 'node:child_process'
import { copyFileSync, mkdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'

/** JSON that is merged into a configuration: objects merge, anything else replaces, `undefined` removes. */
export type Changes = { readonly [key: string]: unknown }

export interface Bundle {
  readonly path: string
  /** Host path of the root file system */
  readonly root: string
  /** `cgroupsPath` of its configuration, below the mount of each hierarchy */
  readonly cgroup: string
  readonly config: Changes
}

export interface BundleOptions {
  /** Text of files that are put into the root before */
  readonly files?: Readonly<Record<string, string>>
  /** Changes the root in any other way; gets its host path */
  readonly prepare?: (root: string) => void
}

const BUSYBOX = '/bin/busybox'
const FOLDERS = ['bin', 'proc', 'sys', 'dev', 'tmp', 'etc', 'root', 'var', 'mnt']

let applets: readonly string[] | undefined

/** Makes a bundle in a folder that is not there yet. */
export function makeBundle(path: string, name: string, changes: Changes, options: BundleOptions): Bundle {
  const root = join(path, 'rootfs')
  makeRoot(root)
  for (const [file, text] of Object.entries(options.files ?? {})) {
    mkdirSync(dirname(join(root, file)), { recursive: true })
    writeFileSync(join(root, file), text)
  }
  options.prepare?.(root)
  const config = merge(baseConfig(`/${name}`), changes) as Changes
  writeConfig(path, config)
  const { cgroupsPath } = (config['linux'] ?? {}) as { readonly cgroupsPath?: string }
  return { path, root, config, cgroup: cgroupsPath ?? `/${name}` }
}

/** Writes `config.json` of a bundle. */
export function writeConfig(path: string, config: Changes): void {
  writeFileSync(join(path, 'config.json'), JSON.stringify(config))
}

/** A root file system of busybox alone, with a link for each of its applets. */
export function makeRoot(root: string): void {
  for (const folder of FOLDERS) mkdirSync(join(root, folder), { recursive: true })
  applets ??= execFileSync(BUSYBOX, ['--list'], { encoding: 'utf8' }).trim().split('\n')
  copyFileSync(BUSYBOX, join(root, 'bin/busybox'))
  for (const applet of applets) if (applet !== 'busybox') symlinkSync('busybox', join(root, 'bin', applet))
  writeFileSync(join(root, 'etc/passwd'), 'root:x:0:0:root:/root:/bin/sh\nsomebody:x:1000:1000::/tmp:/bin/sh\n')
  writeFileSync(join(root, 'etc/group'), 'root:x:0:\nsomebody:x:1000:\nextra:x:2000:somebody\n')
}

const CAPABILITIES = ['CAP_AUDIT_WRITE', 'CAP_KILL', 'CAP_NET_BIND_SERVICE']

const MOUNTS = [
  { destination: '/proc', type: 'proc', source: 'proc' },
  {
    destination: '/dev',
    type: 'tmpfs',
    source: 'tmpfs',
    options: ['nosuid', 'strictatime', 'mode=755', 'size=65536k'],
  },
  {
    destination: '/dev/pts',
    type: 'devpts',
    source: 'devpts',
    options: ['nosuid', 'noexec', 'newinstance', 'ptmxmode=0666', 'mode=0620'],
  },
  {
    destination: '/dev/shm',
    type: 'tmpfs',
    source: 'shm',
    options: ['nosuid', 'noexec', 'nodev', 'mode=1777', 'size=65536k'],
  },
  { destination: '/dev/mqueue', type: 'mqueue', source: 'mqueue', options: ['nosuid', 'noexec', 'nodev'] },
  { destination: '/sys', type: 'sysfs', source: 'sysfs', options: ['nosuid', 'noexec', 'nodev', 'ro'] },
]

/** What is usual: five namespaces, the file systems of the specification, three capabilities. */
function baseConfig(cgroupsPath: string): Changes {
  return {
    ociVersion: '1.0.2',
    process: {
      terminal: false,
      user: { uid: 0, gid: 0 },
      args: ['/bin/sleep', '1000'],
      env: ['PATH=/usr/sbin:/usr/bin:/sbin:/bin', 'HOME=/root'],
      cwd: '/',
      capabilities: { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES },
      noNewPrivileges: true,
    },
    root: { path: 'rootfs', readonly: false },
    hostname: 'carrel-test',
    mounts: MOUNTS,
    linux: {
      cgroupsPath,
      namespaces: [{ type: 'pid' }, { type: 'network' }, { type: 'ipc' }, { type: 'uts' }, { type: 'mount' }],
      maskedPaths: ['/proc/kcore', '/proc/keys', '/proc/timer_list', '/sys/firmware'],
      readonlyPaths: ['/proc/bus', '/proc/fs', '/proc/irq', '/proc/sys', '/proc/sysrq-trigger'],
    },
  }
}

/** Mounts of the usual configuration with more behind them: `mounts: [...usualMounts(), …]`. */
export const usualMounts = (): readonly Changes[] => MOUNTS

function merge(base: unknown, changes: unknown): unknown {
  if (!isObject(base) || !isObject(changes)) return changes
  const keys = new Set([...Object.keys(base), ...Object.keys(changes)])
  const entries = [...keys].map((key) => [key, key in changes ? merge(base[key], changes[key]) : base[key]])
  return Object.fromEntries(entries.filter(([, value]) => value !== undefined)) as Changes
}

const isObject = (value: unknown): value is Changes =>
  typeof value === 'object' && value !== null && !Array.isArray(value)
