import {
  checkChoice,
  checkChoices,
  checkEach,
  checkOneLine,
  checkText,
  checkTexts,
  checkUnsigned64,
  checkWhole,
  type Fields,
  fieldsOf,
  type Findings,
  need,
  refuse,
  wrong,
} from './fields.ts'

/** Values of the specification, config-linux.md#seccomp. */
export const SECCOMP_ACTIONS = [
  'SCMP_ACT_KILL',
  'SCMP_ACT_KILL_PROCESS',
  'SCMP_ACT_KILL_THREAD',
  'SCMP_ACT_TRAP',
  'SCMP_ACT_ERRNO',
  'SCMP_ACT_TRACE',
  'SCMP_ACT_ALLOW',
  'SCMP_ACT_LOG',
  'SCMP_ACT_NOTIFY',
]
export const SECCOMP_OPERATORS = [
  'SCMP_CMP_NE',
  'SCMP_CMP_LT',
  'SCMP_CMP_LE',
  'SCMP_CMP_EQ',
  'SCMP_CMP_GE',
  'SCMP_CMP_GT',
  'SCMP_CMP_MASKED_EQ',
]
export const SECCOMP_FLAGS = [
  'SECCOMP_FILTER_FLAG_TSYNC',
  'SECCOMP_FILTER_FLAG_LOG',
  'SECCOMP_FILTER_FLAG_SPEC_ALLOW',
  'SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV',
]
const ARCHITECTURES =
  'X86 X86_64 X32 ARM AARCH64 LOONGARCH64 M68K MIPS MIPS64 MIPS64N32 MIPSEL MIPSEL64 MIPSEL64N32 PPC PPC64 PPC64LE S390 S390X SH SHEB PARISC PARISC64 RISCV64'
    .split(' ')
    .map((name) => `SCMP_ARCH_${name}`)
const PROFILE = [
  'defaultAction',
  'defaultErrnoRet',
  'flags',
  'listenerPath',
  'listenerMetadata',
  'architectures',
  'syscalls',
]
const RULE = ['names', 'action', 'errnoRet', 'args']
const ARGUMENT = ['index', 'value', 'valueTwo', 'op']

/** What an action makes of an errno: largest value that the kernel hands on (MAX_ERRNO, 16 bits for a tracer, seccomp(2)). */
const MOST_ERRNO: Readonly<Record<string, number>> = { SCMP_ACT_ERRNO: 4095, SCMP_ACT_TRACE: 0xffff }

/** `linux.seccomp`. Names of system calls are left to the compiler, which knows the architecture. @throws InvalidInputError */
export function checkSeccomp(value: unknown, at: string, findings: Findings): void {
  if (value === undefined) return
  const profile = fieldsOf(value, at, PROFILE, findings)
  const { defaultAction } = profile
  need(profile, 'defaultAction', at, 'say SCMP_ACT_ERRNO to refuse what no rule allows')
  checkChoice(defaultAction, `${at}/defaultAction`, SECCOMP_ACTIONS)
  checkErrno(profile['defaultErrnoRet'], defaultAction, `${at}/defaultErrnoRet`)
  checkChoices(profile['flags'], `${at}/flags`, SECCOMP_FLAGS)
  checkChoices(profile['architectures'], `${at}/architectures`, ARCHITECTURES)
  checkEach(profile['syscalls'], `${at}/syscalls`, (each, where) => checkRule(each, where, findings))
  checkListener(profile, at)
}

function checkRule(value: unknown, at: string, findings: Findings): void {
  const rule = fieldsOf(value, at, RULE, findings)
  const { names, action } = rule
  need(rule, 'names', at, 'name system calls')
  checkTexts(names, `${at}/names`)
  if (names!.length === 0) refuse(`${at}/names`, 'must have at least one entry: name a system call')
  need(rule, 'action', at, 'say SCMP_ACT_ALLOW to let the calls through')
  checkChoice(action, `${at}/action`, SECCOMP_ACTIONS)
  checkErrno(rule['errnoRet'], action, `${at}/errnoRet`)
  checkEach(rule['args'], `${at}/args`, (each, where) => checkArgument(each, where, findings))
}

function checkArgument(value: unknown, at: string, findings: Findings): void {
  const argument = fieldsOf(value, at, ARGUMENT, findings)
  for (const key of ['index', 'value', 'op']) need(argument, key, at, 'give index, value and op')
  checkWhole(argument['index'], `${at}/index`, 0, 5)
  checkUnsigned64(argument['value'], `${at}/value`)
  checkUnsigned64(argument['valueTwo'], `${at}/valueTwo`)
  checkChoice(argument['op'], `${at}/op`, SECCOMP_OPERATORS)
}

/** "When the action doesn't support an errno, the runtime MUST print and error and fail" (config-linux.md#seccomp). */
function checkErrno(value: unknown, action: unknown, at: string): void {
  if (value === undefined) return
  const most = MOST_ERRNO[String(action)]
  if (most === undefined) refuse(at, `cannot be given with ${String(action)}, which returns none: take it out`)
  checkWhole(value, at, 0, most)
}

function checkListener(profile: Fields, at: string): void {
  const { listenerPath: path, listenerMetadata: metadata, defaultAction } = profile
  checkOneLine(path, `${at}/listenerPath`)
  checkText(metadata, `${at}/listenerMetadata`)
  const rules = (profile['syscalls'] ?? []) as readonly { readonly action: string; readonly names: readonly string[] }[]
  const index = rules.findIndex(({ action }) => action === 'SCMP_ACT_NOTIFY')
  if (metadata !== undefined && !path)
    refuse(`${at}/listenerMetadata`, 'needs listenerPath, over which it is sent: give that too')
  if (defaultAction === 'SCMP_ACT_NOTIFY') {
    // The runtime itself makes calls between loading the filter and executing the program; nobody could answer them yet.
    refuse(`${at}/defaultAction`, 'cannot be SCMP_ACT_NOTIFY: give it in syscalls to the calls that are meant')
  }
  if (index >= 0 && !path)
    refuse(`${at}/listenerPath`, `is missing: /linux/seccomp/syscalls/${index} asks somebody who listens there`)
  if (index >= 0 && !path!.startsWith('/')) wrong(path, `${at}/listenerPath`, 'an absolute path', ': begin it with "/"')
}
