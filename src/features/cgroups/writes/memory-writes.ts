import type { MemoryResources } from '../resources.ts'
import {
  type FileValue,
  numberOrMax,
  onlyV1,
  onlyV2,
  type Refused,
  type Translation,
  type Translator,
} from './translation.ts'

const NO_SWAP_COUNT = {
  reason: 'this kernel does not count swap per group',
  remedy: 'boot it with swapaccount=1',
} as const

const UNLIMITED_SWAP = 'memory without a limit means swap without one, where nothing is said about it'
const LEFT_OVER = 'without it what does not fit into memory goes to swap'

/** Files of the memory controller of cgroup v1, in the order in which the kernel takes them. */
export const memoryV1: Translator = ({ memory = {} }, { swap: counted, live }) => {
  const { reservation, kernelTCP, swappiness, useHierarchy, oomGroup } = memory
  return [
    ...limitV1(memory, counted, live),
    ...(counted ? [] : refuseSwap(memory)),
    ...number('memory.reservation', 'memory.soft_limit_in_bytes', reservation, 'is left to it under pressure'),
    ...refuseKernel(memory),
    ...number('memory.kernelTCP', 'memory.kmem.tcp.limit_in_bytes', kernelTCP, 'bounds buffers of TCP sockets'),
    ...number('memory.swappiness', 'memory.swappiness', swappiness, 'how gladly its memory goes to swap'),
    ...flag('memory.disableOOMKiller', 'memory.oom_control', memory.disableOOMKiller, live, 'waits for memory instead'),
    ...number(
      'memory.useHierarchy',
      'memory.use_hierarchy',
      useHierarchy === undefined ? undefined : Number(useHierarchy),
      'whether limits cover groups below',
    ),
    ...(oomGroup ? [onlyV2('memory.oomGroup', 'memory.oom.group')] : []),
  ]
}

/** memory.memsw.limit_in_bytes may at no moment be below memory.limit_in_bytes, so their order depends on what is there. */
function limitV1(
  { limit, swap = limit === -1 ? -1 : undefined }: MemoryResources,
  counted: boolean,
  live: ((file: string) => string | undefined) | undefined,
): FileValue[] {
  const first = number('memory.limit', 'memory.limit_in_bytes', limit, 'bounds memory')
  if (!counted || swap === undefined) return first
  const because = limit === -1 && swap === -1 ? UNLIMITED_SWAP : `${LEFT_OVER}; it counts memory and swap together`
  const asks = [swap === limit ? 'memory.limit' : 'memory.swap']
  const both = [{ asks, file: 'memory.memsw.limit_in_bytes', value: String(swap), because }]
  const limitNow = Number(live?.('memory.limit_in_bytes') ?? Number.NaN)
  return live && (swap === -1 || swap >= limitNow) ? [...both, ...first] : [...first, ...both]
}

/** Files of the memory controller of cgroup v2. */
export const memoryV2: Translator = ({ memory = {} }, { swap: counted, live }) => {
  const { limit, reservation, kernelTCP, swappiness, disableOOMKiller, useHierarchy, oomGroup } = memory
  return [
    ...maximum('memory.limit', 'memory.max', limit, 'bounds memory'),
    ...(counted ? swapV2(memory, live?.('memory.max')) : refuseSwap(memory)),
    ...maximum('memory.reservation', 'memory.low', reservation, 'is left to it under pressure'),
    ...refuseKernel(memory),
    ...(kernelTCP === undefined || kernelTCP === -1
      ? []
      : [onlyV1('memory.kernelTCP', 'memory.kmem.tcp.limit_in_bytes', 'leave it out: memory.limit counts them too')]),
    ...(swappiness === undefined
      ? []
      : [onlyV1('memory.swappiness', 'memory.swappiness', 'leave it out, or bound swap by memory.swap')]),
    ...(disableOOMKiller
      ? [
          onlyV1(
            'memory.disableOOMKiller',
            'memory.oom_control',
            'leave it out; unified.memory.high slows instead of killing',
          ),
        ]
      : []),
    ...(useHierarchy === false
      ? [onlyV1('memory.useHierarchy', 'a limit that leaves out groups below', 'leave it out, or say true')]
      : []),
    ...flag(
      'memory.oomGroup',
      'memory.oom.group',
      oomGroup,
      live,
      'out of memory ends the whole group, not a part of it',
    ),
  ]
}

/** memory.swap.max counts swap alone, where v1 and the OCI runtime specification count both together. */
function swapV2({ limit, swap }: MemoryResources, limitNow: string | undefined): FileValue[] {
  const file = 'memory.swap.max'
  if (swap === undefined) {
    return limit === -1 ? [{ asks: ['memory.limit'], file, value: 'max', because: UNLIMITED_SWAP }] : []
  }
  const memory = limit ?? Number(limitNow)
  const value = swap === -1 ? 'max' : String(swap - memory)
  return [{ asks: [swap === limit ? 'memory.limit' : 'memory.swap'], file, value, because: LEFT_OVER }]
}

/** A bound of -1 is none, which needs no counting. */
const refuseSwap = ({ swap }: MemoryResources): Refused[] =>
  swap === undefined || swap === -1 ? [] : [{ asks: ['memory.swap'], ...NO_SWAP_COUNT }]

/** Linux 5.16 to 6.0 answer EOPNOTSUPP, and later ones take any value and do nothing: a write would fail open. */
const refuseKernel = ({ kernel }: MemoryResources): Refused[] =>
  kernel === undefined || kernel === -1
    ? []
    : [
        {
          asks: ['memory.kernel'],
          reason: 'no kernel since 5.16 bounds kernel memory by itself (memory.kmem.limit_in_bytes)',
          remedy: 'leave it out: memory.limit counts kernel memory too',
        },
      ]

function number(ask: string, file: string, value: number | undefined, because: string): FileValue[] {
  return value === undefined ? [] : [{ asks: [ask], file, value: String(value), because }]
}

const maximum = (ask: string, file: string, value: number | undefined, because: string): Translation[] =>
  value === undefined ? [] : [{ asks: [ask], file, value: numberOrMax(value), because }]

/** A switch that is off in a new group. */
function flag(ask: string, file: string, value: boolean | undefined, live: unknown, because: string): FileValue[] {
  return value || (value === false && live) ? number(ask, file, Number(value), because) : []
}
