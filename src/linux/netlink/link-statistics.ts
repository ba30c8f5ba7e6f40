/** The 64-bit counters of a link, in the order of `struct rtnl_link_stats64` (linux/if_link.h). */
const COUNTERS = [
  'rxPackets',
  'txPackets',
  'rxBytes',
  'txBytes',
  'rxErrors',
  'txErrors',
  'rxDropped',
  'txDropped',
  'multicast',
  'collisions',
  'rxLengthErrors',
  'rxOverErrors',
  'rxCrcErrors',
  'rxFrameErrors',
  'rxFifoErrors',
  'rxMissedErrors',
  'txAbortedErrors',
  'txCarrierErrors',
  'txFifoErrors',
  'txHeartbeatErrors',
  'txWindowErrors',
  'rxCompressed',
  'txCompressed',
] as const

/** Counters since the link was made; exact up to 2^53. */
export type LinkStatistics = Readonly<Record<(typeof COUNTERS)[number], number>>

/** IFLA_STATS64; newer kernels have more counters behind these. Undefined for one that is shorter. */
export function decodeStatistics(bytes: Uint8Array | undefined): LinkStatistics | undefined {
  if (bytes === undefined || bytes.length < 8 * COUNTERS.length) return undefined
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
  const entries = COUNTERS.map((name, i) => [name, Number(view.getBigUint64(8 * i, true))])
  return Object.fromEntries(entries) as LinkStatistics
}
