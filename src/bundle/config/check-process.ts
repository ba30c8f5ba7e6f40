import { CAPABILITIES } from '../../linux/tables/capabilities.ts'
import { RLIMITS } from '../../linux/tables/rlimits.ts'
import { didYouMean } from '../../linux/nearest.ts'
import {
  checkAbsolute,
  checkBoolean,
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
import { checkExecCpuAffinity, checkIoPriority, checkScheduler } from './check-scheduling.ts'

const PROCESS = [
  'terminal',
  'consoleSize',
  'user',
  'args',
  'env',
  'cwd',
  'capabilities',
  'rlimits',
  'noNewPrivileges',
  'oomScoreAdj',
  'scheduler',
  'ioPriority',
  'execCPUAffinity',
  'apparmorProfile',
  'selinuxLabel',
] as const
const SETS = ['bounding', 'permitted', 'effective', 'inheritable', 'ambient'] as const

/** Largest user or group number; 2^32-1 is "no user" (setresuid(2)). */
const MOST_ID = 0xffff_fffe
/** `unsigned short` of struct winsize, ioctl_tty(2) */
const MOST_CELLS = 0xffff

/** `process`, or the document of `exec --process`. @throws InvalidInputError */
export function checkProcess(value: unknown, at: string, findings: Findings): void {
  const fields = fieldsOf(value, at, PROCESS, findings)
  checkBoolean(fields['terminal'], `${at}/terminal`)
  checkConsoleSize(fields, at, findings)
  checkUser(fields['user'], `${at}/user`, findings)
  checkArgs(fields['args'], `${at}/args`)
  checkEnv(fields['env'], `${at}/env`, findings)
  need(fields, 'cwd', at, 'say "/" for the root directory')
  checkAbsolute(fields['cwd'], `${at}/cwd`)
  checkCapabilities(fields['capabilities'], `${at}/capabilities`, findings)
  checkRlimits(fields['rlimits'], `${at}/rlimits`, findings)
  checkBoolean(fields['noNewPrivileges'], `${at}/noNewPrivileges`)
  // OOM_SCORE_ADJ_MIN and OOM_SCORE_ADJ_MAX, proc_pid_oom_score_adj(5)
  checkWhole(fields['oomScoreAdj'], `${at}/oomScoreAdj`, -1000, 1000)
  checkScheduler(fields['scheduler'], `${at}/scheduler`, findings)
  checkIoPriority(fields['ioPriority'], `${at}/ioPriority`, findings)
  checkExecCpuAffinity(fields['execCPUAffinity'], `${at}/execCPUAffinity`, findings)
  checkOneLine(fields['apparmorProfile'], `${at}/apparmorProfile`)
  checkOneLine(fields['selinuxLabel'], `${at}/selinuxLabel`)
}

function checkConsoleSize(fields: Fields, at: string, findings: Findings): void {
  if (fields['consoleSize'] === undefined) return
  const size = fieldsOf(fields['consoleSize'], `${at}/consoleSize`, ['height', 'width'], findings)
  for (const key of ['height', 'width']) {
    const where = `${at}/consoleSize/${key}`
    need(size, key, `${at}/consoleSize`, 'give height and width, in characters')
    // Without a terminal the size must be ignored (config.md#process), but it must still be a number.
    if (fields['terminal'] === true) checkWhole(size[key], where, 0, MOST_CELLS)
    else checkUnsigned64(size[key], where)
  }
}

function checkUser(value: unknown, at: string, findings: Findings): void {
  if (value === undefined) return
  const user = fieldsOf(value, at, ['uid', 'gid', 'umask', 'additionalGids'], findings)
  for (const key of ['uid', 'gid']) {
    need(user, key, at, 'give both numbers; 0 is root of the container')
    checkWhole(user[key], `${at}/${key}`, 0, MOST_ID)
  }
  checkWhole(user['umask'], `${at}/umask`, 0, 0o777)
  checkEach(user['additionalGids'], `${at}/additionalGids`, (each, where) => checkWhole(each, where, 0, MOST_ID))
}

function checkArgs(value: unknown, at: string): void {
  checkTexts(value, at)
  if (!value?.length) refuse(at, 'must have at least one entry, the program: name it')
  if (value[0] === '') refuse(`${at}/0`, 'must name a program, not ""')
}

function checkEnv(value: unknown, at: string, findings: Findings): void {
  checkTexts(value, at)
  value?.forEach((each, index) => {
    if (!each.includes('=', 1))
      findings.warnings.push(`${at}/${index} is no NAME=value (environ(7)), and is passed on as it is`)
  })
}

/** Unknown names must not be errors: "Runtimes SHOULD NOT fail" (config.md#linux-process). */
function checkCapabilities(value: unknown, at: string, findings: Findings): void {
  if (value === undefined) return
  const sets = fieldsOf(value, at, SETS, findings)
  const known: object = CAPABILITIES.values
  for (const set of SETS) {
    const names: unknown = sets[set]
    checkTexts(names, `${at}/${set}`)
    if (names === undefined) continue
    for (let index = 0; index < names.length; index++) {
      if (!Object.hasOwn(known, names[index]!)) warnUnknown(names[index]!, `${at}/${set}/${index}`, findings)
    }
  }
}

function warnUnknown(name: string, at: string, findings: Findings): void {
  const guess = didYouMean(name, Object.keys(CAPABILITIES.values))
  findings.warnings.push(`${at} is no capability and is not granted: ${JSON.stringify(name)}${guess}`)
}

function checkRlimits(value: unknown, at: string, findings: Findings): void {
  const seen = new Set<string>()
  checkEach(value, at, (each, where) => {
    const limit = fieldsOf(each, where, ['type', 'soft', 'hard'], findings)
    const { type, soft, hard } = limit
    need(limit, 'type', where, 'name a resource such as RLIMIT_NOFILE')
    need(limit, 'soft', where, 'give soft and hard; 18446744073709551615 is no limit')
    need(limit, 'hard', where, 'give soft and hard; 18446744073709551615 is no limit')
    checkText(type, `${where}/type`)
    if (!Object.hasOwn(RLIMITS.values, type ?? '')) {
      wrong(type, `${where}/type`, 'a resource of getrlimit(2)', didYouMean(type, Object.keys(RLIMITS.values)))
    }
    checkUnsigned64(soft, `${where}/soft`)
    checkUnsigned64(hard, `${where}/hard`)
    if (soft! > hard!) refuse(`${where}/soft`, `must not be above hard, which is ${hard}: lower it`)
    const resource = type === 'RLIMIT_OFILE' ? 'RLIMIT_NOFILE' : type!
    if (seen.has(resource)) refuse(`${where}/type`, `is ${resource} for the second time: keep one`)
    seen.add(resource)
  })
}
