/** System calls that get the same answer for the same reason. */
export interface SyscallGroup {
  readonly because: string
  readonly names: readonly string[]
}

const words = (text: string): readonly string[] => text.trim().split(/\s+/)

/** System calls that the default profile allows whatever their arguments are. */
export const ALLOWED_GROUPS: Readonly<Record<string, SyscallGroup>> = {
  descriptors: {
    because: 'Reading, writing and shaping descriptors that the process already has',
    names: words(`
      read write readv writev pread64 pwrite64 preadv pwritev preadv2 pwritev2 lseek close close_range dup dup2 dup3 fcntl flock
      fsync fdatasync sync syncfs sync_file_range ftruncate fallocate fadvise64 readahead cachestat pipe pipe2 splice tee vmsplice
      sendfile copy_file_range select pselect6 poll ppoll
    `),
  },
  files: {
    because: 'Files by path: the mount namespace and file permissions decide what is reached',
    names: words(`
      access faccessat faccessat2 stat lstat fstat newfstatat statx statfs fstatfs readlink readlinkat getcwd chdir fchdir
      getdents getdents64 mkdir mkdirat rmdir link linkat symlink symlinkat unlink unlinkat rename renameat renameat2 truncate
      umask chown fchown lchown fchownat utime utimes futimesat utimensat
      setxattr lsetxattr fsetxattr setxattrat getxattr lgetxattr fgetxattr getxattrat listxattr llistxattr flistxattr listxattrat
      removexattr lremovexattr fremovexattr removexattrat file_getattr file_setattr
      inotify_init inotify_init1 inotify_add_watch inotify_rm_watch
    `),
  },
  mountFacts: {
    because: 'Facts about the own mount namespace, which /proc/self/mountinfo shows too; opening by handle is refused',
    names: words('statmount listmount name_to_handle_at'),
  },
  memory: {
    because: 'The own address space',
    names: words(`
      brk mmap munmap mprotect mremap msync madvise mincore mlock mlock2 mlockall munlock munlockall mseal remap_file_pages
      memfd_create memfd_secret pkey_alloc pkey_free pkey_mprotect map_shadow_stack membarrier
    `),
  },
  processes: {
    because: 'Making, replacing and awaiting processes; clone has a test of its own',
    names: words(`
      fork vfork execve execveat exit exit_group wait4 waitid pidfd_open pidfd_send_signal process_mrelease
      getpid getppid gettid getpgid getpgrp setpgid getsid setsid set_tid_address restart_syscall
      prctl arch_prctl set_thread_area get_thread_area rseq
    `),
  },
  identity: {
    because:
      'Ids and capabilities: the kernel checks these against the user namespace, and no_new_privs keeps them from growing',
    names: words(`
      getuid geteuid getgid getegid getresuid getresgid getgroups setuid setgid setreuid setregid setresuid setresgid
      setfsuid setfsgid setgroups capget capset
    `),
  },
  signals: {
    because: 'Signals to processes of the own pid namespace',
    names: words(`
      kill tkill tgkill pause alarm sigaltstack rt_sigaction rt_sigpending rt_sigprocmask rt_sigqueueinfo rt_sigreturn
      rt_sigsuspend rt_sigtimedwait rt_tgsigqueueinfo signalfd signalfd4
    `),
  },
  threads: {
    because: 'Locks of threads',
    names: words(`
      futex futex_wait futex_wake futex_requeue futex_waitv set_robust_list get_robust_list
    `),
  },
  time: {
    because:
      'Reading clocks, sleeping and timers; setting a clock is refused, adjtimex only reads without CAP_SYS_TIME',
    names: words(`
      time gettimeofday clock_gettime clock_getres clock_nanosleep nanosleep times getitimer setitimer adjtimex clock_adjtime
      timer_create timer_settime timer_gettime timer_getoverrun timer_delete timerfd_create timerfd_settime timerfd_gettime
    `),
  },
  events: {
    because: 'Event loops and the classic asynchronous input and output, which databases use',
    names: words(`
      epoll_create epoll_create1 epoll_ctl epoll_wait epoll_pwait epoll_pwait2 epoll_ctl_old epoll_wait_old eventfd eventfd2
      io_setup io_destroy io_submit io_cancel io_getevents io_pgetevents
    `),
  },
  sockets: {
    because: 'Using sockets; which kinds can be made is tested at socket and socketpair',
    names: words(`
      bind connect listen accept accept4 getsockname getpeername getsockopt setsockopt shutdown
      sendto recvfrom sendmsg recvmsg sendmmsg recvmmsg
    `),
  },
  ipc: {
    because: 'System V and POSIX queues, semaphores and shared memory of the own IPC namespace',
    names: words(`
      shmget shmat shmdt shmctl semget semop semtimedop semctl msgget msgsnd msgrcv msgctl
      mq_open mq_unlink mq_timedsend mq_timedreceive mq_notify mq_getsetattr
    `),
  },
  scheduling: {
    because: 'Priorities and processors, within the cgroup and the rlimits',
    names: words(`
      sched_yield sched_getaffinity sched_setaffinity sched_getparam sched_setparam sched_getscheduler sched_setscheduler
      sched_getattr sched_setattr sched_get_priority_max sched_get_priority_min sched_rr_get_interval
      getpriority setpriority ioprio_get ioprio_set getcpu
    `),
  },
  limits: {
    because: 'Reading limits and lowering them',
    names: words('getrlimit setrlimit prlimit64 getrusage'),
  },
  system: {
    because: 'Facts about the system that programs ask for at their start',
    names: words('uname sysinfo getrandom lsm_get_self_attr lsm_list_modules'),
  },
  restriction: {
    because:
      'A program may restrict itself further; both need no privilege under no_new_privs, and neither takes anything back',
    names: words('seccomp landlock_create_ruleset landlock_add_rule landlock_restrict_self'),
  },
  probes: {
    because:
      'The kernel itself puts these behind probed functions; a refusal would kill a program that is being measured (Linux 6.11)',
    names: words('uretprobe uprobe'),
  },
}

/** System calls that the default profile refuses with EPERM, so that every number of the tables has been thought about. */
export const REFUSED_GROUPS: Readonly<Record<string, SyscallGroup>> = {
  mounts: {
    because: 'Mounting was the way in of CVE-2022-0185 and CVE-2023-0386, and masked paths hold only while mounts do',
    names: words(`
      mount umount2 pivot_root chroot open_tree open_tree_attr move_mount fsopen fsconfig fsmount fspick mount_setattr
    `),
  },
  namespaces: {
    because:
      'A user namespace gives a process every capability towards code of the kernel that is rarely attacked otherwise',
    names: words('unshare setns'),
  },
  otherProcesses: {
    because: 'Looking into or steering another process, the init of the sandbox among them',
    names: words('ptrace process_vm_readv process_vm_writev process_madvise kcmp pidfd_getfd'),
  },
  keyrings: {
    because: 'Keyrings outlive the sandbox that filled them, and were the way of CVE-2016-0728',
    names: words('add_key request_key keyctl'),
  },
  kernelCode: {
    because: 'Code, modules and kernels for the kernel',
    names: words(`
      bpf init_module finit_module delete_module create_module query_module get_kernel_syms kexec_load kexec_file_load
    `),
  },
  attackSurface: {
    because: 'Large interfaces with a history of escalations that sandboxed programs do without',
    names: words(`
      perf_event_open userfaultfd io_uring_setup io_uring_enter io_uring_register modify_ldt fanotify_init fanotify_mark
      lookup_dcookie lsm_set_self_attr
    `),
  },
  fileHandles: {
    because: 'A file handle reaches files outside of the root (the "shocker" escape)',
    names: words('open_by_handle_at'),
  },
  administration: {
    because: 'Administration of the machine',
    names: words(`
      acct quotactl quotactl_fd swapon swapoff reboot sethostname setdomainname syslog settimeofday clock_settime
      ioperm iopl vhangup
    `),
  },
  numa: {
    because: 'Placing memory on nodes, also of other processes, and measuring where it lies',
    names: words('mbind get_mempolicy set_mempolicy set_mempolicy_home_node migrate_pages move_pages'),
  },
  obsolete: {
    because: 'Removed from the kernel, never in it, or without a user left',
    names: words(`
      _sysctl sysfs ustat uselib nfsservctl getpmsg putpmsg afs_syscall tuxcall security vserver
    `),
  },
}
