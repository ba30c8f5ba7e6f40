import type { Arch } from '../linux/arch.ts'

/** An entry of a directory that a root file system is made from. */
export interface RootEntry {
  /** Name in the directory, `usr` */
  readonly name: string
  readonly kind: 'directory' | 'file' | 'symlink'
  /** What a symbolic link says, `usr/bin` */
  readonly target?: string
  /** What a small text file that everybody may read holds: a copy is cheaper than a mount */
  readonly content?: string
}

/** A yes, or a no with its reason and what would make it a yes. */
export type Answer = { readonly ok: true } | { readonly ok: false; readonly reason: string; readonly remedy: string }

/** Controllers that limits and accounting need, by their v2 names where both versions have one (v1 calls `io` blkio). */
export type Controller = 'memory' | 'pids' | 'cpu' | 'cpuacct' | 'cpuset' | 'io' | 'devices' | 'freezer'

/** Where groups of one controller can be made. */
export interface ControllerFacts {
  readonly version: 1 | 2
  /** Host directory under which a group may be made */
  readonly parent: string
  /** Whether this process may make groups there */
  readonly usable: Answer
  /** v2: directories, from the top, whose cgroup.subtree_control lacks the controller and has to get it first */
  readonly enable?: readonly string[]
  /** cpuset: CPUs that groups below `parent` may use, in list format (`0-3,8`) */
  readonly cpus?: string
  /** cpuset: memory nodes that groups below `parent` may use, in list format */
  readonly mems?: string
}

/** The cgroup hierarchies as this process may use them. */
export interface CgroupFacts {
  readonly mode: 'v1' | 'hybrid' | 'v2' | 'none'
  readonly controllers: Readonly<Partial<Record<Controller, ControllerFacts>>>
  /** The v2 tree, also on hybrid hosts where it has no controllers */
  readonly unified?: { readonly parent: string; readonly usable: Answer; readonly kill: boolean }
  /** Whether v1 counts swap too (memory.memsw.*), or v2 has memory.swap.max */
  readonly swap: boolean
}

/** Ids of an ordinary user: single, or with ranges from /etc/subuid when newuidmap and newgidmap exist. */
export interface IdRange {
  readonly start: number
  readonly count: number
}

/** What this machine can do, as data: the second input of every plan, and what `carrel doctor` prints. */
export interface HostFacts {
  readonly arch: Arch
  readonly kernel: { readonly release: string; readonly major: number; readonly minor: number }
  readonly uid: number
  readonly gid: number
  readonly groups: readonly number[]
  /** Effective capabilities of this process, kernel names */
  readonly capabilities: readonly string[]
  /** Namespace kinds in /proc/self/ns: user mnt pid net uts ipc cgroup time */
  readonly namespaces: readonly string[]
  readonly userNamespaces: Answer
  readonly subordinate: {
    readonly newuidmap: string | null
    readonly newgidmap: string | null
    readonly uids: readonly IdRange[]
    readonly gids: readonly IdRange[]
  }
  readonly cgroups: CgroupFacts
  /** Entries of the host's `/` that a sandbox shows read-only: usr, bin, lib*, sbin */
  readonly rootEntries: readonly RootEntry[]
  /** Names in the host's /etc that a sandbox shows read-only because programs need them and they hold no secrets */
  readonly etcEntries: readonly RootEntry[]
  /** Paths relative to /proc that exist and are masked or made read-only, `sys` */
  readonly procPaths: readonly { readonly path: string; readonly directory: boolean }[]
  /** Whether procfs and devpts can be mounted here in a user namespace (false inside a container with a masked /proc) */
  readonly procMount: Answer
  readonly seccomp: Answer
  /** Active security modules, /sys/kernel/security/lsm */
  readonly securityModules: readonly string[]
  /** Whether memfds may be executed (vm.memfd_noexec below 2) */
  readonly memfdExec: Answer
  /** Path of a C compiler, which only a build from a clone needs */
  readonly compiler?: string | null
}
