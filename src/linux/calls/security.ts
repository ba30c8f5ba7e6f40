import type { Call } from '../call.ts'
import { bpfAttribute, bpfStruct, outProgIds, outProgInfo } from '../bpf-params.ts'
import { landlockRule, outMountIds, outStatmount } from '../kernel-object-params.ts'
import { bytes, outBytes, structIn, structInSized, structOut } from '../memory-params.ts'
import { choice, constant, fd, flags, id, int, nullable, path, pid, raw, text, u64, uint } from '../params.ts'
import { FD, NONE, VALUE, out } from '../results.ts'
import { BPF_PROG_ID_ATTR, BPF_PROG_LOAD_ATTR } from '../structs/bpf.ts'
import { LANDLOCK_RULESET_ATTR, SCHED_ATTR, SCHED_PARAM } from '../structs/events.ts'
import { MNT_ID_REQ, STATFS } from '../structs/mounts.ts'
import { TIMESPEC } from '../structs/process.ts'
import { BPF } from '../tables/bpf.ts'
import { KEYCTL, KEY_SPEC } from '../tables/keyctl.ts'
import { LANDLOCK_CREATE, LANDLOCK_RESTRICT, LANDLOCK_RULE } from '../tables/landlock.ts'
import { GRND, MCL, SPLICE } from '../tables/memory.ts'
import { DUP, KCMP, XATTR } from '../tables/open.ts'
import { PTRACE } from '../tables/ptrace.ts'
import { IOPRIO_WHO, SCHED, SCHED_FLAGS } from '../tables/sched.ts'
import { LISTMOUNT } from '../tables/statmount.ts'

/** Confinement, keys, BPF, scheduling and other objects of the kernel. */
export const SECURITY_CALLS = {
  landlock_create_ruleset: () => ({
    name: 'landlock_create_ruleset',
    about:
      'Makes a ruleset (5.13); with a null attr and LANDLOCK_CREATE_RULESET_VERSION use `landlockVersion`. EOPNOTSUPP, EINVAL, E2BIG',
    params: [structInSized(LANDLOCK_RULESET_ATTR, 'attr'), flags(LANDLOCK_CREATE)],
    result: FD,
  }),
  landlockVersion: () => ({
    name: 'landlock_create_ruleset',
    page: 'landlock_create_ruleset',
    about: 'The version of Landlock that the kernel has (5.13). EOPNOTSUPP, ENOSYS',
    params: [constant(0, 'NULL', 'attr'), constant(0), constant(1, 'LANDLOCK_CREATE_RULESET_VERSION')],
    result: VALUE,
  }),
  landlock_add_rule: () => ({
    name: 'landlock_add_rule',
    about: 'Allows something in a ruleset (5.13). EINVAL, ENOMSG, EBADFD',
    params: [fd('ruleset_fd'), choice(LANDLOCK_RULE, 'rule_type'), landlockRule, constant(0)],
    result: NONE,
  }),
  landlock_restrict_self: () => ({
    name: 'landlock_restrict_self',
    about: 'Confines the calling thread for ever (5.13). EPERM without no_new_privs',
    params: [fd('ruleset_fd'), flags(LANDLOCK_RESTRICT)],
    result: NONE,
  }),
  keyctl: () => ({
    name: 'keyctl',
    about: 'Works on keys and keyrings. ENOKEY, EACCES, EDQUOT',
    params: [choice(KEYCTL, 'operation'), raw('arg2'), raw('arg3'), raw('arg4'), raw('arg5')],
    result: VALUE,
  }),
  add_key: () => ({
    name: 'add_key',
    about: 'Adds a key; gives its serial number. EDQUOT, EACCES',
    params: [text('type'), text('description'), bytes('payload'), choice(KEY_SPEC, 'keyring')],
    result: VALUE,
  }),
  request_key: () => ({
    name: 'request_key',
    about: 'Finds a key, or has it made from `callout_info`; gives its serial number. ENOKEY, EKEYREVOKED',
    params: [text('type'), text('description'), nullable(text('callout_info')), choice(KEY_SPEC, 'dest_keyring')],
    result: VALUE,
    waits: true,
  }),
  bpf: () => ({
    name: 'bpf',
    about: 'Works on BPF programs and maps; the command says which attribute. EPERM, EINVAL',
    params: [choice(BPF, 'cmd'), bpfAttribute],
    result: VALUE,
  }),
  bpfProgLoad: () => ({
    name: 'bpf',
    about: 'Loads a BPF program. EPERM, EINVAL, EACCES (the verifier refuses it), E2BIG',
    params: [constant(5, 'BPF_PROG_LOAD', 'cmd'), bpfStruct(BPF_PROG_LOAD_ATTR)],
    result: FD,
  }),
  bpfProgGetFdById: () => ({
    name: 'bpf',
    about: 'Opens a loaded BPF program. ENOENT, EPERM',
    params: [constant(13, 'BPF_PROG_GET_FD_BY_ID', 'cmd'), bpfStruct(BPF_PROG_ID_ATTR)],
    result: FD,
  }),
  bpfProgQuery: () => ({
    name: 'bpf',
    about: 'Ids of the BPF programs that are attached, at most `prog_cnt`. ENOSPC (there are more), EPERM',
    params: [constant(16, 'BPF_PROG_QUERY', 'cmd'), outProgIds],
    result: out(
      '{ readonly attach_flags: readonly (BpfAttachFlag | number | bigint)[]; readonly prog_ids: readonly number[] }',
    ),
  }),
  bpfProgInfo: () => ({
    name: 'bpf',
    about: 'What the kernel tells of an open BPF program. EBADF, EINVAL (another kind of object)',
    params: [constant(15, 'BPF_OBJ_GET_INFO_BY_FD', 'cmd'), outProgInfo],
    result: out('BpfProgInfoDecoded'),
  }),
  ptrace: () => ({
    name: 'ptrace',
    about: 'Traces a process. ESRCH, EPERM',
    params: [choice(PTRACE, 'request'), pid(), raw('addr'), raw('data')],
    result: VALUE,
    waits: true,
  }),
  kcmp: () => ({
    name: 'kcmp',
    about: 'Whether two processes share a kernel object: 0 when they do. EPERM',
    params: [pid('pid1'), pid('pid2'), choice(KCMP, 'type'), u64('idx1'), u64('idx2')],
    result: VALUE,
  }),
  statmount: () => ({
    name: 'statmount',
    about: 'Tells what a mount is (6.8), in at most `bufsize` bytes. ENOENT, EOVERFLOW',
    params: [structIn(MNT_ID_REQ, 'req'), outStatmount, constant(0)],
    result: out('Statmount'),
  }),
  listmount: () => ({
    name: 'listmount',
    about: 'Ids of at most `nr_mnt_ids` mounts below one (6.8). ENOENT',
    params: [structIn(MNT_ID_REQ, 'req'), outMountIds, flags(LISTMOUNT)],
    result: out('readonly bigint[]'),
  }),
  statfs: () => ({
    name: 'statfs',
    about: 'Tells about a mounted file system. ENOENT',
    params: [path('path'), structOut(STATFS, 'buf')],
    result: out('StatfsDecoded'),
  }),
  fstatfs: () => ({
    name: 'fstatfs',
    page: 'statfs',
    about: 'Tells about the file system of a descriptor. EBADF',
    params: [fd(), structOut(STATFS, 'buf')],
    result: out('StatfsDecoded'),
  }),
  quotactl_fd: () => ({
    name: 'quotactl_fd',
    page: 'quotactl',
    about: 'Works on quotas of the file system of a descriptor (5.14); `cmd` is made by `quotaCommand`. ESRCH, EPERM',
    params: [fd(), uint('cmd'), id('id'), raw('addr')],
    result: NONE,
  }),
  sched_setscheduler: () => ({
    name: 'sched_setscheduler',
    about: 'Sets policy and real-time priority. EPERM',
    params: [pid(), choice(SCHED, 'policy'), structIn(SCHED_PARAM, 'param')],
    result: NONE,
  }),
  sched_getscheduler: () => ({
    name: 'sched_getscheduler',
    page: 'sched_setscheduler',
    about: 'The number of the scheduling policy. ESRCH',
    params: [pid()],
    result: VALUE,
  }),
  sched_setattr: () => ({
    name: 'sched_setattr',
    about: 'Sets policy, nice value, deadlines, utilisation clamps. EPERM, EBUSY',
    params: [pid(), structIn(SCHED_ATTR, 'attr'), flags(SCHED_FLAGS)],
    result: NONE,
  }),
  sched_getattr: () => ({
    name: 'sched_getattr',
    page: 'sched_setattr',
    about: 'The scheduling of a thread. ESRCH',
    params: [pid(), structOut(SCHED_ATTR, 'attr'), constant(56), constant(0)],
    result: out('SchedAttrDecoded'),
  }),
  sched_setparam: () => ({
    name: 'sched_setparam',
    about: 'Sets the real-time priority. EPERM, ESRCH',
    params: [pid(), structIn(SCHED_PARAM, 'param')],
    result: NONE,
  }),
  sched_getparam: () => ({
    name: 'sched_getparam',
    page: 'sched_setparam',
    about: 'The real-time priority. ESRCH',
    params: [pid(), structOut(SCHED_PARAM, 'param')],
    result: out('SchedParamDecoded'),
  }),
  sched_rr_get_interval: () => ({
    name: 'sched_rr_get_interval',
    about: 'The time slice of a process. ESRCH',
    params: [pid(), structOut(TIMESPEC, 'tp')],
    result: out('TimespecDecoded'),
  }),
  sched_get_priority_max: () => ({
    name: 'sched_get_priority_max',
    about: 'The highest real-time priority of a policy',
    params: [choice(SCHED, 'policy')],
    result: VALUE,
  }),
  sched_get_priority_min: () => ({
    name: 'sched_get_priority_min',
    page: 'sched_get_priority_max',
    about: 'The lowest real-time priority of a policy',
    params: [choice(SCHED, 'policy')],
    result: VALUE,
  }),
  sched_yield: () => ({ name: 'sched_yield', about: 'Lets others run', params: [], result: NONE }),
  ioprio_set: () => ({
    name: 'ioprio_set',
    about: 'Sets the I/O priority, made by `ioprioValue`. EPERM',
    params: [choice(IOPRIO_WHO, 'which'), pid('who'), int('ioprio')],
    result: NONE,
  }),
  ioprio_get: () => ({
    name: 'ioprio_get',
    page: 'ioprio_set',
    about: 'The I/O priority: class in the bits above 13. ESRCH',
    params: [choice(IOPRIO_WHO, 'which'), pid('who')],
    result: VALUE,
  }),
  getrandom: () => ({
    name: 'getrandom',
    about: 'Random bytes. EAGAIN',
    params: [outBytes('buflen'), flags(GRND)],
    result: out('Uint8Array'),
  }),
  mlockall: () => ({
    name: 'mlockall',
    about: 'Keeps memory from being swapped out. ENOMEM, EPERM',
    params: [flags(MCL)],
    result: NONE,
  }),
  sendfile: () => ({
    name: 'sendfile',
    about: 'Copies from a file to a descriptor at their positions. EINVAL, EAGAIN',
    params: [fd('out_fd'), fd('in_fd'), constant(0, 'NULL', 'offset'), u64('count')],
    result: VALUE,
    waits: true,
  }),
  splice: () => ({
    name: 'splice',
    about: 'Moves bytes between a pipe and a descriptor. EINVAL, EAGAIN',
    params: [fd('fd_in'), constant(0, 'NULL'), fd('fd_out'), constant(0, 'NULL'), u64('len'), flags(SPLICE)],
    result: VALUE,
    waits: true,
  }),
  setxattr: () => ({
    name: 'setxattr',
    about: 'Sets an extended attribute. EPERM, EOPNOTSUPP, ENOSPC',
    params: [path('path'), text('name'), bytes('value'), flags(XATTR)],
    result: NONE,
  }),
  lsetxattr: () => ({
    name: 'lsetxattr',
    page: 'setxattr',
    about: 'Sets an extended attribute of a link itself. EPERM, EOPNOTSUPP',
    params: [path('path'), text('name'), bytes('value'), flags(XATTR)],
    result: NONE,
  }),
  fsetxattr: () => ({
    name: 'fsetxattr',
    page: 'setxattr',
    about: 'Sets an extended attribute of an open file. EPERM, EOPNOTSUPP',
    params: [fd(), text('name'), bytes('value'), flags(XATTR)],
    result: NONE,
  }),
  getxattr: () => ({
    name: 'getxattr',
    about: 'An extended attribute of at most `size` bytes. ENODATA, ERANGE',
    params: [path('path'), text('name'), outBytes('size')],
    result: out('Uint8Array'),
  }),
  lgetxattr: () => ({
    name: 'lgetxattr',
    page: 'getxattr',
    about: 'An extended attribute of a link itself. ENODATA, ERANGE',
    params: [path('path'), text('name'), outBytes('size')],
    result: out('Uint8Array'),
  }),
  fgetxattr: () => ({
    name: 'fgetxattr',
    page: 'getxattr',
    about: 'An extended attribute of an open file. ENODATA, ERANGE',
    params: [fd(), text('name'), outBytes('size')],
    result: out('Uint8Array'),
  }),
  process_mrelease: () => ({
    name: 'process_mrelease',
    about: 'Frees the memory of a killed process at once (5.15). EINVAL, ESRCH',
    params: [fd('pidfd'), constant(0)],
    result: NONE,
  }),
  memfd_secret: () => ({
    name: 'memfd_secret',
    about: 'Makes a file in memory that the kernel itself cannot read (5.14). ENOSYS unless enabled at boot',
    params: [flags(DUP)],
    result: FD,
  }),
  vhangup: () => ({ name: 'vhangup', about: 'Hangs up the controlling terminal. EPERM', params: [], result: NONE }),
  sync: () => ({
    name: 'sync',
    about: 'Has all file systems written to their devices',
    params: [],
    result: NONE,
    waits: true,
  }),
} satisfies Record<string, () => Call>
