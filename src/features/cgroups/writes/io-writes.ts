import type { BlockDevice, BlockIoResources, ThrottleDevice } from '../resources.ts'
import {
  type FileValue,
  hasFile,
  onlyV1,
  type Refused,
  type Translation,
  type TranslationContext,
  type Translator,
} from './translation.ts'

const WEIGHT = 'share of a contended disk'
const THROTTLE = 'bounds a disk'

/** Throttles by their files on v1 and their words in io.max on v2. */
const THROTTLES = [
  ['throttleReadBpsDevice', 'blkio.throttle.read_bps_device', 'rbps'],
  ['throttleWriteBpsDevice', 'blkio.throttle.write_bps_device', 'wbps'],
  ['throttleReadIOPSDevice', 'blkio.throttle.read_iops_device', 'riops'],
  ['throttleWriteIOPSDevice', 'blkio.throttle.write_iops_device', 'wiops'],
] as const

/** Files of the blkio controller of cgroup v1: one write per device and rule. */
export const ioV1: Translator = ({ blockIO = {} }, context) => {
  const { weight, leafWeight, weightDevice = [] } = blockIO
  const devices = weightDevice.filter((device) => device.weight !== undefined)
  const leaves = weightDevice.filter((device) => device.leafWeight !== undefined)
  const file = weightFileV1(context)
  return [
    ...(weight === undefined ? [] : [weightOn(file, 'blockIO.weight', '', String(weight))]),
    ...(leafWeight === undefined
      ? []
      : [needCfq(context, 'blockIO.leafWeight', 'blkio.leaf_weight', String(leafWeight))]),
    ...devices.map((device) =>
      weightOn(file, 'blockIO.weightDevice', '_device', `${numberOf(device)} ${device.weight}`),
    ),
    ...leaves.map((device) =>
      needCfq(context, 'blockIO.weightDevice', 'blkio.leaf_weight_device', `${numberOf(device)} ${device.leafWeight}`),
    ),
    ...THROTTLES.flatMap(([key, name]) =>
      // A rate of 0 takes the rule away.
      (blockIO[key] ?? []).map((device) => ({
        asks: [`blockIO.${key}`],
        file: name,
        value: `${numberOf(device)} ${device.rate}`,
        because: THROTTLE,
      })),
    ),
  ]
}

/** Files of the io controller of cgroup v2: one write per device for all its rules. */
export const ioV2: Translator = ({ blockIO = {} }, context) => {
  const { weight, leafWeight, weightDevice = [] } = blockIO
  return [
    ...(weight === undefined ? [] : weightsV2(context, 'blockIO.weight', '', weight)),
    ...(leafWeight === undefined ? [] : [noLeaf('blockIO.leafWeight')]),
    ...weightDevice.flatMap((device) => [
      ...(device.weight === undefined
        ? []
        : weightsV2(context, 'blockIO.weightDevice', `${numberOf(device)} `, device.weight)),
      ...(device.leafWeight === undefined ? [] : [noLeaf('blockIO.weightDevice')]),
    ]),
    ...throttlesV2(blockIO),
  ]
}

const numberOf = ({ major, minor }: BlockDevice): string => `${major}:${minor}`

const noLeaf = (ask: string): Refused =>
  onlyV1(ask, 'a weight of the leaf', 'leave it out: the CFQ scheduler left the kernel with Linux 5.0')

/**
 * The first of these that groups have. Linux 5.0 removed CFQ and its blkio.weight; what weighs since then is BFQ, whose files are
 * there once its module is loaded.
 */
function weightFileV1(context: TranslationContext): string | undefined {
  const known = ['blkio.bfq.weight', 'blkio.weight'].filter((file) => hasFile(context, file) !== false)
  return known[0]
}

function weightOn(file: string | undefined, ask: string, suffix: string, value: string): Translation {
  if (file === undefined) return noScheduler(ask, 'blkio.bfq.weight')
  return { asks: [ask], file: file + suffix, value, because: WEIGHT }
}

const noScheduler = (ask: string, file: string): Refused => ({
  asks: [ask],
  reason: `groups here have no ${file}`,
  remedy: 'use an I/O scheduler that weighs: modprobe bfq; echo bfq > /sys/block/DISK/queue/scheduler',
})

function needCfq(context: TranslationContext, ask: string, file: string, value: string): Translation {
  if (hasFile(context, file) !== false) return { asks: [ask], file, value, because: WEIGHT }
  return {
    asks: [ask],
    reason: `groups here have no ${file}, which left the kernel with the CFQ scheduler in Linux 5.0`,
    remedy: 'leave it out',
  }
}

/**
 * BFQ counts weights from 1 to 1000 as the OCI runtime specification does; io.weight of the io.cost controller from 1 to 10000.
 * Where nobody knows the files, the one that every kernel with weights has must take its value.
 */
function weightsV2(context: TranslationContext, ask: string, device: string, weight: number): Translation[] {
  const bfq: FileValue = { asks: [ask], file: 'io.bfq.weight', value: `${device}${weight}`, because: WEIGHT }
  const cost: FileValue = { asks: [ask], file: 'io.weight', value: `${device}${ioWeightOf(weight)}`, because: WEIGHT }
  if (context.files === undefined) return [{ ...bfq, optional: true }, cost]
  if (hasFile(context, bfq.file)) return [bfq]
  return hasFile(context, cost.file) ? [cost] : [noScheduler(ask, 'io.bfq.weight and no io.weight')]
}

/** 10 to 1000 stretched to 1 to 10000, as runc and crun do it. */
export const ioWeightOf = (weight: number): number => 1 + Math.floor(((weight - 10) * 9999) / 990)

function throttlesV2(blockIO: BlockIoResources): FileValue[] {
  const devices = new Map<string, { readonly asks: string[]; readonly words: string[] }>()
  for (const [key, , word] of THROTTLES) {
    for (const device of blockIO[key] ?? []) {
      const { asks, words } = devices.get(numberOf(device)) ?? { asks: [], words: [] }
      asks.push(`blockIO.${key}`)
      words.push(`${word}=${rateOf(device)}`)
      devices.set(numberOf(device), { asks, words })
    }
  }
  return [...devices].map(([number, { asks, words }]) => ({
    asks,
    file: 'io.max',
    value: `${number} ${words.join(' ')}`,
    because: THROTTLE,
  }))
}

/** v2 refuses 0, which on v1 takes the rule away. */
const rateOf = ({ rate }: ThrottleDevice): string => (rate === 0 ? 'max' : String(rate))
