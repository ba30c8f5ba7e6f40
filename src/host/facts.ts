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

/** Controllers of both versions, by their v2 names where both have one (v1 calls `io` blkio). */
export type Controller =
  | 'memory'
  | 'pids'
  | 'cpu'
  | 'cpuacct'
  | 'cpuset'
  | 'io'
  | 'hugetlb'
  | 'rdma'
  | 'misc'
  | 'devices'
  | 'freezer'
  | 'net_cls'
  | 'net_prio'
  | 'perf_event'

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
  /**
   * Names of the controller's files in a group that is not the root (`memory.max`, …), sorted; absent when there is no such group to
   * look at. A getter that reads once, when it is asked for the first time.
   */
  readonly files?: readonly string[] | undefined
}

/** How a group came to belong to this process, so that groups may be made below it (cgroup-v2.rst, "Delegation"). */
export interface DelegationFacts {
  readonly directory: string
  /** Its owner, an attribute or a unit file of systemd that says so, or that it is the root of this cgroup namespace */
  readonly by: 'owner' | 'attribute' | 'unit' | 'namespace'
}

/** Processes that have to leave a group before it can give controllers to groups below it: all belong to this process. */
export interface VacateFacts {
  /** The group that they are in, `/sys/fs/cgroup/x.scope` */
  readonly directory: string
  /** The group to make for them, `/sys/fs/cgroup/x.scope/carrel-self` */
  readonly leaf: string
  /** This process and descendants of it, as they were when the facts were read; more may have come since */
  readonly pids: readonly number[]
}

/** The v2 tree, also on hybrid hosts where it has no controllers. */
export interface UnifiedFacts {
  /** Directory under which groups are made by files */
  readonly parent: string
  readonly usable: Answer
  /** Directory of this process's own group, when it can be seen here */
  readonly own?: string
  /** Whether groups have cgroup.kill (5.14) */
  readonly kill: boolean
  /** Whether groups have cgroup.freeze (5.2) */
  readonly freeze: boolean
  /** `parent` is above the own group: limits of the own group do not bind groups made there. Only root finds such a place. */
  readonly escapes?: true
  /** To be done before controllers are enabled in `parent`; absent when it holds no processes or need not give controllers */
  readonly vacate?: VacateFacts
}

/** The cgroup hierarchies as this process may use them. */
export interface CgroupFacts {
  readonly mode: 'v1' | 'hybrid' | 'v2' | 'none'
  readonly controllers: Readonly<Partial<Record<Controller, ControllerFacts>>>
  readonly unified?: UnifiedFacts
  /** Whether v1 counts swap too (memory.memsw.*), or v2 has memory.swap.max */
  readonly swap: boolean
  /** The delegated group that this process is in, if it is in one */
  readonly delegated?: DelegationFacts
  /** Who makes groups when nobody says: this process by files, or systemd, asked for a scope over D-Bus */
  readonly manager: 'files' | 'systemd'
  /** Why `manager`, for people: `systemd is not PID 1 here` */
  readonly managerBecause: string
  /** v2 with `manager` systemd: controllers that a scope with Delegate=yes would have, made by the manager that would be asked */
  readonly scopeControllers?: readonly Controller[]
  /** Whether this process may say which devices a group opens: the v1 controller, or a BPF program on the v2 group (4.15) */
  readonly deviceRules: Answer
}

/** systemd as PID 1 of this host (sd_booted(3)), and how it can be reached. */
export interface SystemdFacts {
  readonly running: true
  /** Socket of the system bus, or for root without one that of PID 1 itself, `/run/systemd/private` (D-Bus without a bus: no Hello) */
  readonly systemBus: string | null
  /** The same of this user's own manager: `$XDG_RUNTIME_DIR/bus`, or `$XDG_RUNTIME_DIR/systemd/private` */
  readonly userBus: string | null
  /** Path of this process in systemd's hierarchy (v2, or v1 `name=systemd`), `/user.slice/user-0.slice/session-1.scope` */
  readonly controlGroup: string | null
  /** Unit of the system manager, or of the user's where one is inside `user@UID.service`, that this process belongs to: `session-1.scope` */
  readonly unit: string | null
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
  /** systemd where it is PID 1, else null */
  readonly systemd: SystemdFacts | null
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
