import { parseCpuList } from '../cpu-list.ts'
import type { CpuResources } from '../resources.ts'
import type { FileValue, Refused, Translation, TranslationContext, Translator } from './translation.ts'

const CPUS = 'binds to these CPUs'
const MEMS = 'binds to these memory nodes'
const EMPTY = 'a new v1 cpuset is empty and takes no process until it has memory nodes and CPUs'

/** Files of the cpuset controller of cgroup v1, which have to be written both. */
export const cpusetV1: Translator = ({ cpu = {} }, context) => {
  const refused = refusals(cpu, context, context.cpus !== undefined && context.mems !== undefined)
  const wanted = kept(cpu, refused)
  if (wanted.cpus === undefined && wanted.mems === undefined) return refused
  return [...refused, ...(context.live ? written(wanted) : filledV1(wanted, context))]
}

/** Files of the cpuset controller of cgroup v2. */
export const cpusetV2: Translator = ({ cpu = {} }, context) => {
  const refused = refusals(cpu, context, true)
  return [...refused, ...written(kept(cpu, refused))]
}

/** What a v1 cpuset needs before it can take a process: what is asked for, else what the one above it has, cpuset(7). */
export function filledV1(
  { cpus, mems }: Pick<CpuResources, 'cpus' | 'mems'>,
  { cpus: allCpus = '', mems: allMems = '' }: Pick<TranslationContext, 'cpus' | 'mems'>,
): FileValue[] {
  const asks = [...(cpus === undefined ? [] : ['cpu.cpus']), ...(mems === undefined ? [] : ['cpu.mems'])]
  return [
    { asks, file: 'cpuset.mems', value: mems ?? allMems, because: mems === undefined ? EMPTY : MEMS },
    { asks, file: 'cpuset.cpus', value: cpus ?? allCpus, because: cpus === undefined ? EMPTY : CPUS },
  ]
}

const written = ({ cpus, mems }: Pick<CpuResources, 'cpus' | 'mems'>): Translation[] => [
  ...(mems === undefined ? [] : [{ asks: ['cpu.mems'], file: 'cpuset.mems', value: mems, because: MEMS }]),
  ...(cpus === undefined ? [] : [{ asks: ['cpu.cpus'], file: 'cpuset.cpus', value: cpus, because: CPUS }]),
]

/** v2 takes CPUs it does not have and then uses all it has: such a list would fail open. */
function refusals({ cpus, mems }: CpuResources, context: TranslationContext, readable: boolean): Refused[] {
  const { parent } = context
  return [
    ...refuseMissing('cpu.cpus', 'CPU', cpus, readable ? context.cpus : undefined, parent),
    ...refuseMissing('cpu.mems', 'memory node', mems, readable ? context.mems : undefined, parent),
  ]
}

function refuseMissing(
  ask: string,
  noun: string,
  wanted: string | undefined,
  all: string | undefined,
  parent: string,
): Refused[] {
  if (wanted === undefined) return []
  const available = parseCpuList(all ?? '')
  if (!available) {
    return [
      {
        asks: [ask],
        reason: `the ${noun}s of ${parent} cannot be read`,
        remedy: 'give the cpuset above it cpuset.cpus and cpuset.mems',
      },
    ]
  }
  const missing = [...(parseCpuList(wanted) ?? [])].filter((one) => !available.has(one))
  if (missing.length === 0) return []
  return [
    {
      asks: [ask],
      reason: `${noun} ${missing[0]} is not among those of this host or group`,
      remedy: `choose from ${all}`,
    },
  ]
}

function kept({ cpus, mems }: CpuResources, refused: readonly Refused[]): Pick<CpuResources, 'cpus' | 'mems'> {
  const isRefused = (ask: string): boolean => refused.some(({ asks }) => asks.includes(ask))
  return {
    ...(cpus === undefined || isRefused('cpu.cpus') ? {} : { cpus }),
    ...(mems === undefined || isRefused('cpu.mems') ? {} : { mems }),
  }
}
