/** cpu.weight of a group that has no shares of its own choosing. */
const DEFAULT_WEIGHT = 100
const DEFAULT_SHARES = 1024
const MOST_SHARES = 262_144
const MOST_WEIGHT = 10_000

/**
 * cpu.weight for cpu.shares, as runc since 1.3.2 and crun since 1.23 have it: a curve through (2, 1), (1024, 100) and (262144, 10000),
 * which are the least, the usual and the most of both (opencontainers/cgroups, ConvertCPUSharesToCgroupV2Value).
 */
export function weightOf(shares: number): number {
  if (shares <= 2) return 1
  if (shares >= MOST_SHARES) return MOST_WEIGHT
  const log = Math.log2(shares)
  const weight = 10 ** ((log * log + 125 * log) / 612 - 7 / 34)
  // The last bit of a power must not make 101 of 100.
  return Math.ceil(weight - 1e-9)
}

/**
 * cpu.shares for a weight: 1024 shares and weight 100 are both "like everybody else", and between neighbours only ratios count, so that
 * they are kept (systemd's cgroup_cpu_weight_to_shares). The kernel takes 2 to 262144.
 */
export const sharesOf = (weight: number): number =>
  Math.min(MOST_SHARES, Math.max(2, Math.round((weight * DEFAULT_SHARES) / DEFAULT_WEIGHT)))

/** What the kernel uses when nothing is written, and enough for any quota of at least its minimum of 1 ms. */
export const DEFAULT_PERIOD_US = 100_000
/** Longest period the kernel takes: for shares of a CPU whose quota would be below 1 ms in the default one. */
const LONGEST_PERIOD_US = 1_000_000
const SHORTEST_QUOTA_US = 1_000

/** `cpus` CPUs' worth of time as CFS bandwidth control counts it, `us` in each period. */
export function quotaOf(cpus: number): { readonly quota: number; readonly period: number } {
  const short = Math.round(cpus * DEFAULT_PERIOD_US)
  if (short >= SHORTEST_QUOTA_US) return { quota: short, period: DEFAULT_PERIOD_US }
  return { quota: Math.max(SHORTEST_QUOTA_US, Math.round(cpus * LONGEST_PERIOD_US)), period: LONGEST_PERIOD_US }
}
