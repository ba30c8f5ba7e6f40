import { CAPABILITIES } from '../linux/tables/capabilities.ts'

/** Table names in the order of their bits. */
const NAMES = Object.keys(CAPABILITIES.values)

/** Names of the bits in a hexadecimal mask of /proc/PID/status; bits newer than the table are `CAP_<number>`. */
export function decodeCapabilities(mask: string): string[] {
  const bits = BigInt(`0x${mask}`)
  const names: string[] = []
  for (let bit = 0; bit < 64; bit++) if ((bits >> BigInt(bit)) & 1n) names.push(NAMES[bit] ?? `CAP_${bit}`)
  return names
}
