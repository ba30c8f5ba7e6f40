import type { BlockDevice, BlockIoResources, ThrottleDevice, WeightDevice } from '../resources.ts'
import {
  limitOf,
  NO_LIMIT,
  someOf,
  type SystemdTarget,
  type Translated,
  type UnitProperty,
} from './systemd-property.ts'
import { ioWeightOf } from '../writes/io-writes.ts'

/** systemd takes numbers from such a path without a node being there (device_path_parse_major_minor). */
const pathOf = ({ major, minor }: BlockDevice): string => `/dev/block/${major}:${minor}`

const listOf = (name: string, value: readonly (readonly [string, bigint])[]): readonly UnitProperty[] =>
  value.length === 0 ? [] : [{ name, signature: 'a(st)', value }]

const rates = (devices: readonly ThrottleDevice[] | undefined): readonly (readonly [string, bigint])[] =>
  (devices ?? []).map((device) => [pathOf(device), device.rate > 0 ? BigInt(device.rate) : NO_LIMIT])

/** Weights and throttles. v1 keeps leaf weights and operations a second for files: systemd never had words for them. */
export function blockIoProperties(io: BlockIoResources, { version }: SystemdTarget): Translated<BlockIoResources> {
  const { weight, leafWeight, weightDevice = [] } = io
  const scale = (value: number) => (version === 2 ? ioWeightOf(value) : value)
  const word = version === 2 ? 'IO' : 'BlockIO'
  const max = version === 2 ? 'Max' : ''
  const weights = weightDevice.flatMap((each) =>
    each.weight === undefined ? [] : [[pathOf(each), BigInt(scale(each.weight))] as const],
  )
  const operations = {
    throttleReadIOPSDevice: io.throttleReadIOPSDevice,
    throttleWriteIOPSDevice: io.throttleWriteIOPSDevice,
  }
  const properties = [
    ...(weight !== undefined ? [limitOf(`${word}Weight`, scale(weight))] : []),
    ...listOf(`${word}DeviceWeight`, weights),
    ...listOf(`${word}ReadBandwidth${max}`, rates(io.throttleReadBpsDevice)),
    ...listOf(`${word}WriteBandwidth${max}`, rates(io.throttleWriteBpsDevice)),
    ...(version === 2 ? listOf('IOReadIOPSMax', rates(io.throttleReadIOPSDevice)) : []),
    ...(version === 2 ? listOf('IOWriteIOPSMax', rates(io.throttleWriteIOPSDevice)) : []),
  ]
  const byHand = { leafWeight, ...leavesOf(weightDevice), ...(version === 1 ? operations : {}) } as BlockIoResources
  return { properties, byHand: someOf(byHand) }
}

function leavesOf(devices: readonly WeightDevice[]): Pick<BlockIoResources, 'weightDevice'> {
  const leaves = devices.flatMap(({ major, minor, leafWeight }) =>
    leafWeight === undefined ? [] : [{ major, minor, leafWeight }],
  )
  return leaves.length === 0 ? {} : { weightDevice: leaves }
}
