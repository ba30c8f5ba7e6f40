import { UnsupportedError } from '../../../base/errors.ts'
import { deviceLinesV1, deviceUpdateV1, readDeviceList } from '../../devices/device-lines.ts'
import type { DeviceRule } from '../../devices/device-rule.ts'
import type { FileValue, Refused } from './translation.ts'

/** Device rules as writes of cgroup v1. */
export interface DeviceWrites {
  readonly writes: readonly FileValue[]
  readonly refused: readonly Refused[]
  /** Whether a live group may use more between the writes than before and after, so that it must be frozen meanwhile */
  readonly opens: boolean
}

/**
 * Device rules as lines of cgroup v1's lists.
 * @param list what devices.list of a live group says; null: the group is being made
 */
export function devicesV1(rules: readonly DeviceRule[], list: string | null): DeviceWrites {
  try {
    const { writes, opens } =
      list === null ? { writes: deviceLinesV1(rules), opens: false } : deviceUpdateV1(readDeviceList(list), rules)
    const because = 'what devices may be used'
    return { writes: writes.map((write) => ({ asks: ['devices'], because, ...write })), refused: [], opens }
  } catch (error) {
    if (!(error instanceof UnsupportedError)) throw error
    const { message, remedy } = error
    const reason = message.slice(0, message.length - remedy.length - ': '.length)
    return { writes: [], refused: [{ asks: ['devices'], reason, remedy }], opens: false }
  }
}
