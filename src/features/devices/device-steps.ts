import { type SyscallFailure, UnsupportedError } from '../../base/errors.ts'
import type { Answer } from '../../host/facts.ts'
import { encodeEbpf } from '../../linux/ebpf-instructions.ts'
import { textIn } from '../../linux/memory-fields.ts'
import { type Memory, memory } from '../../linux/memory.ts'
import type { BpfProgInfoDecoded } from '../../linux/generated/signatures.ts'
import type { Fd, Ref } from '../../linux/ref.ts'
import type { BpfAttachFlag } from '../../linux/tables/bpf.ts'
import type { Program } from '../../program/builder.ts'
import { deviceProgram } from './device-program.ts'
import type { DeviceRule } from './device-rule.ts'

/** An open directory of a cgroup v2 group: of an earlier step, or a number in the process. */
export type GroupDirectory = Ref<Fd> | number

/** The filter that a new one takes the place of. */
export interface Replaced {
  /** Id of the program, as `queryDeviceSteps` tells */
  readonly id: number
  /** Whether the kernel has BPF_F_REPLACE (5.6); without it both filter for a moment, so that what either denies is denied */
  readonly atOnce: boolean
}

/** What is attached to a group. */
export interface AttachedFilters {
  readonly attach_flags: readonly (BpfAttachFlag | number | bigint)[]
  /** Oldest first */
  readonly prog_ids: readonly number[]
}

/** Name that bpftool(8) shows; at most 15 letters (BPF_OBJ_NAME_LEN) */
export const DEVICE_FILTER_NAME = 'carrel_devices'
const TYPE = 'BPF_CGROUP_DEVICE'
/** Programs that one group can have of one kind (BPF_CGROUP_MAX_PROGS) */
const MOST_ATTACHED = 64
/** Room for what the verifier writes about a program of the greatest length, `bytes` */
const LOG_SIZE = 512 * 1024
/** Lines of the verifier's log that an error shows: the reason is the last but for its statistics */
const LOG_LINES = 4

const program = (rules: readonly DeviceRule[]) =>
  ({
    prog_type: 'BPF_PROG_TYPE_CGROUP_DEVICE',
    insns: encodeEbpf(deviceProgram(rules).instructions),
    // It calls no function of the kernel's, so that it need not be under the GPL.
    license: 'Apache-2.0',
    prog_name: DEVICE_FILTER_NAME,
  }) as const

function detachSteps(p: Program, directory: GroupDirectory, old: Ref<Fd>): void {
  p.bpf('BPF_PROG_DETACH', { target_fd: directory, attach_bpf_fd: old, attach_type: TYPE })
}

function attachSteps(p: Program, directory: GroupDirectory, filter: Ref<Fd>, old?: Ref<Fd>, atOnce = false): void {
  p.because(
    'devices',
    'BPF_F_ALLOW_MULTI: filters of groups above stay in force, and each of them must allow an access',
  )
  const attach = { target_fd: directory, attach_bpf_fd: filter, attach_type: TYPE } as const
  if (old && atOnce) {
    const flags = ['BPF_F_ALLOW_MULTI', 'BPF_F_REPLACE'] as const
    p.bpf('BPF_PROG_ATTACH', { ...attach, attach_flags: flags, replace_bpf_fd: old })
    return
  }
  p.bpf('BPF_PROG_ATTACH', { ...attach, attach_flags: ['BPF_F_ALLOW_MULTI'] })
  if (old) {
    p.because('devices', 'After the new filter is there: no moment without one')
    detachSteps(p, directory, old)
  }
}

/**
 * Makes a cgroup v2 group have exactly these device rules. Without rules there is no filter.
 * The kernel keeps the program as long as the group, which holds it; no descriptor is left.
 * Preconditions: the rules are checked; the process has what the host fact `cgroups.deviceRules` stands for.
 * @throws InvalidInputError for more rules than a program can hold
 */
export function deviceSteps(
  p: Program,
  directory: GroupDirectory,
  rules: readonly DeviceRule[],
  replace?: Replaced,
): void {
  if (rules.length === 0 && !replace) return
  p.because('devices', 'cgroup v2 has no list of devices: a BPF program is asked about each access')
  const filter = rules.length === 0 ? undefined : p.bpfProgLoad(program(rules))
  const old = replace && p.bpfProgGetFdById({ prog_id: replace.id })
  if (filter) attachSteps(p, directory, filter, old, replace?.atOnce)
  else if (old) detachSteps(p, directory, old)
  for (const fd of [filter, old]) if (fd) p.close(fd)
}

/**
 * Asks which device filters a group has.
 * @param effective those of the groups above too: all that are asked about an access
 */
export function queryDeviceSteps(p: Program, directory: GroupDirectory, effective = false): Ref<AttachedFilters> {
  p.because('devices', 'What the kernel says is attached, not what was asked for')
  return p.bpfProgQuery({
    target_fd: directory,
    attach_type: TYPE,
    query_flags: effective ? ['BPF_F_QUERY_EFFECTIVE'] : [],
    prog_cnt: effective ? MOST_ATTACHED * MOST_ATTACHED : MOST_ATTACHED,
  })
}

/** Asks for the name of an attached filter, which tells whose it is; one that has gone meanwhile has none. */
export function filterNameSteps(p: Program, id: number): Ref<BpfProgInfoDecoded> {
  const filter = p.tolerate('ENOENT').bpfProgGetFdById({ prog_id: id })
  const info = p.bpfProgInfo(filter)
  p.close(filter)
  return info
}

/**
 * Loads a filter once more, for the verifier's log alone. A log that is asked for when all is well would cost time, and a load fails for
 * a log that is too long (before Linux 6.4), so that this is done only after a load has failed.
 * @param verbose every instruction, also of a program that is taken
 */
export function deviceTrialSteps(p: Program, rules: readonly DeviceRule[], verbose = false): Memory {
  const log = memory([LOG_SIZE])
  p.because('devices', 'To learn why the verifier refuses the filter')
  p.close(p.bpfProgLoad({ ...program(rules), log_level: verbose ? 2 : 1, log_buf: log }))
  return log
}

/** What the kernel wrote into the memory of `deviceTrialSteps`. */
export const verifierLog = (log: Memory): string => textIn(log.bytes).trimEnd()

const REMEDY =
  'leave out "devices": nodes of the host that are bound into a sandbox without mknod, on mounts with nodev, need no filter'

const REASONS: readonly (readonly [command: string, errno: string, reason: string])[] = [
  [
    'BPF_PROG_LOAD',
    'EPERM',
    'CAP_SYS_ADMIN (or CAP_BPF) and CAP_NET_ADMIN are wanted in the first user namespace, and before Linux 5.11 room under RLIMIT_MEMLOCK',
  ],
  ['BPF_PROG_LOAD', 'EINVAL', 'the kernel was built without CONFIG_CGROUP_BPF, or is older than 4.15'],
  ['BPF_PROG_LOAD', 'ENOSYS', 'the kernel was built without CONFIG_BPF_SYSCALL'],
  ['BPF_PROG_LOAD', 'EACCES', 'the verifier of the kernel refuses it'],
  [
    'BPF_PROG_ATTACH',
    'EPERM',
    'a group above has a filter that was attached without BPF_F_ALLOW_MULTI, or CAP_NET_ADMIN is missing',
  ],
  ['BPF_PROG_ATTACH', 'EINVAL', 'the group has filters that were attached in another way'],
  ['BPF_PROG_ATTACH', 'E2BIG', `the group has ${MOST_ATTACHED} filters already`],
  ['BPF_PROG_ATTACH', 'ENOENT', 'the filter to be replaced is no longer attached'],
  ['BPF_PROG_GET_FD_BY_ID', 'ENOENT', 'the filter to be replaced no longer exists'],
  ['BPF_PROG_GET_FD_BY_ID', 'EPERM', 'CAP_SYS_ADMIN is wanted in the first user namespace'],
]

/**
 * The failure of a step of `deviceSteps` in words, with what the verifier said; undefined for other steps.
 * @param log of `verifierLog`
 */
export function deviceRefusal(failure: SyscallFailure, log = ''): UnsupportedError | undefined {
  if (failure.call !== 'bpf') return undefined
  const known = REASONS.find(([command, errno]) => failure.args.startsWith(command) && failure.errno === errno)
  const [command = 'bpf'] = failure.args.split(',')
  // The verifier ends its log with a count of what it has processed.
  const said = log
    .split('\n')
    .filter((line) => line !== '' && !line.startsWith('processed '))
    .slice(-LOG_LINES)
  const reason = said.length > 0 ? `the verifier says: ${said.join(' | ')}` : (known?.[2] ?? 'for no known reason')
  return new UnsupportedError(`The kernel refuses the device filter (${command}: ${failure.errno}): ${reason}`, {
    fact: 'cgroups.deviceRules',
    remedy: REMEDY,
  })
}

/**
 * Refuses device rules on a host that cannot enforce them by filters.
 * @param fact the host fact `cgroups.deviceRules`
 * @throws UnsupportedError with the fact's reason and remedy
 */
export function requireDeviceFilter(fact: Answer, rules: readonly DeviceRule[], field = 'devices'): void {
  if (fact.ok || rules.length === 0) return
  throw new UnsupportedError(`"${field}" cannot be enforced: ${fact.reason}`, {
    fact: 'cgroups.deviceRules',
    remedy: `${fact.remedy}; or ${REMEDY}`,
  })
}
