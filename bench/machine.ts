import { cpus, loadavg, release, totalmem } from 'node:os'

/** The machine that the numbers are of, in one line. */
export function machineLine(): string {
  const all = cpus()
  const memory = `${Math.round(totalmem() / 2 ** 30)} GiB`
  return `${all[0]?.model ?? 'unknown CPU'}, ${all.length} cores, ${memory}, Linux ${release()}, Node ${process.version}`
}

/** How busy the machine was before anything was measured; undefined when it was quiet. */
export function busyNote(): string | undefined {
  const [load = 0] = loadavg()
  const quiet = cpus().length / 4
  if (load < quiet) return undefined
  return `The machine was not quiet: load ${load.toFixed(1)} before the run. Ratios hold (what is compared ran in turn), times may not.`
}
