/** Largest CPU number a kernel can have, CONFIG_NR_CPUS minus one. */
const LAST_CPU = 8191

/** Whether a text is in the list format of cpuset(7): `0-3,8`, without the stride form that only some files take. */
export const isCpuList = (text: string): boolean => parseCpuList(text) !== undefined

/** The numbers of a list, or undefined when it is none. */
export function parseCpuList(text: string): Set<number> | undefined {
  const cpus = new Set<number>()
  for (const part of text.split(',')) {
    const [, from, to] = /^(\d{1,4})(?:-(\d{1,4}))?$/.exec(part) ?? []
    if (from === undefined) return undefined
    const last = Number(to ?? from)
    if (last < Number(from) || last > LAST_CPU) return undefined
    for (let cpu = Number(from); cpu <= last; cpu++) cpus.add(cpu)
  }
  return cpus
}
