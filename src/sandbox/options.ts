import type { Resources } from '../features/cgroups/resources.ts'
import type { SeccompProfile } from '../features/seccomp/index.ts'

/** Something of the host's shown in a sandbox. */
export interface BindOption {
  /** Path on the host */
  readonly source: string
  /** Absolute path in the sandbox; default: the source's own */
  readonly target?: string
  /** Default: false */
  readonly readOnly?: boolean
}

/** What a sandbox may use. */
export interface ResourceOptions {
  /** Memory of everything in it together, bytes, `'256M'` or `'max'` for no limit, also of swap; default 1G */
  readonly memory?: number | string
  /** Processes and threads at once, `'max'` for no limit; default 512 */
  readonly pids?: number | 'max'
  /** CPUs' worth of time, `0.5` is half of one, `'max'` lifts the limit; default: not limited */
  readonly cpus?: number | string
  /** Memory and swap together, bytes, `'1G'` or `'max'`; default: as much as `memory`, so no swap */
  readonly memorySwap?: number | string
  /** Share of a contended CPU, 1 to 10000, where 100 is what others have */
  readonly cpuWeight?: number
  /** CPUs that may be used, list format: `0-3,8` */
  readonly cpuset?: string
  /** Everything else, as `linux.resources` of the OCI runtime specification has it: io, huge pages, devices, files by name */
  readonly resources?: Resources
}

/** What can be said about a sandbox; everything has a safe default. */
export interface SandboxOptions extends ResourceOptions {
  /** Bytes that files of the sandbox's own may take (/tmp, /home); default 512M, counted as memory too */
  readonly tmp?: number | string
  /** Directory with a root file system; default: the host's system directories, read-only */
  readonly rootfs?: string
  /** Files and directories of the host to show, as `'SOURCE[:TARGET[:ro]]'` or objects */
  readonly binds?: readonly (string | BindOption)[]
  /** Environment of commands, over the default PATH, HOME, USER, LANG */
  readonly env?: Readonly<Record<string, string>>
  /** Working directory of commands; default: the home directory */
  readonly workdir?: string
  /** Who commands run as: `UID`, `'UID:GID'` or an object; default 1000:1000 */
  readonly user?: number | string | { readonly uid: number; readonly gid?: number }
  /** What `carrel ps` calls it, beside its id; need not be unique */
  readonly name?: string
  /** Default: `carrel-` and a random number */
  readonly hostname?: string
  /** `none`: nothing but its own `lo`; `host`: the host's network. Default: none */
  readonly net?: 'none' | 'host'
  /** Files of /etc that replace the generated ones or are added: name to content */
  readonly etc?: Readonly<Record<string, string | Uint8Array>>
  /** Limits of each process by kernel name: `{ RLIMIT_NOFILE: 256 }`, or a soft and a hard one */
  readonly rlimits?: Readonly<Record<string, number | { readonly soft: number; readonly hard: number }>>
  /** Capabilities that commands keep, in their own user namespace; default: none */
  readonly capabilities?: readonly string[]
  /** Filter for system calls; `'unconfined'` for none. Default: the built-in allow-list */
  readonly seccomp?: 'default' | 'unconfined' | SeccompProfile
  /** Who makes its groups: this process by files, or systemd. Default: systemd where it runs the host and gave nothing away */
  readonly cgroupManager?: 'auto' | 'files' | 'systemd'
  /** Lets a limit that this host cannot enforce be dropped instead of refused; it is listed in the result. Default: false */
  readonly bestEffort?: boolean
  /** Default for `run`: milliseconds or `'5s'` until a command is ended */
  readonly timeoutMs?: number
  /** Gives up the making of the sandbox */
  readonly signal?: AbortSignal
}

/** What can be said about a command. */
export interface RunOptions {
  /** Over the sandbox's environment */
  readonly env?: Readonly<Record<string, string>>
  readonly cwd?: string
  /** What the command reads; default: nothing */
  readonly stdin?: string | Uint8Array
  /** Until the command and all that it started are ended, in milliseconds; default: no limit */
  readonly timeoutMs?: number
  /** Between SIGTERM and SIGKILL, in milliseconds; default 1000 */
  readonly graceMs?: number
  /** Bytes of stdout and stderr together before the command is ended; default 64 MiB */
  readonly outputLimitBytes?: number
  /** Ends the command */
  readonly signal?: AbortSignal
  /** Rejects with CommandError unless the command exits with 0; default: false */
  readonly throwOnError?: boolean
}
