/** Whose a group is: a process that can be checked for life, also after its pid was given to another one. */
export interface GroupOwner {
  readonly pid: number
  /** Clock ticks since the boot, as the initial time namespace counts them: field 22 of /proc/PID/stat */
  readonly start: number
  /** Inode of /proc/PID/ns/pid, in which `pid` counts */
  readonly pidns: number
}

/** What a group's name tells. */
export interface GroupName {
  readonly id: string
  readonly owner: GroupOwner
}

/** Name of a group: `carrel-<id>.<pid>-<start>-<pidns in base 36>`. Who finds it can tell whether its owner lives, from nothing else. */
export const formatGroupName = (id: string, owner: GroupOwner): string => `carrel-${id}.${formatOwner(owner)}`

/** The part of a name that tells the owner, `4711-1234567-1ulp0q6`. */
export const formatOwner = ({ pid, start, pidns }: GroupOwner): string => `${pid}-${start}-${pidns.toString(36)}`

const NAME = /^carrel-([A-Za-z0-9][A-Za-z0-9_.:-]{0,127})\.([1-9]\d{0,6})-(0|[1-9]\d{0,14})-([1-9a-z][0-9a-z]{0,6})$/

/** Id and owner of a group, from its name; undefined for a name of anybody else's. */
export function parseGroupName(name: string): GroupName | undefined {
  const [, id, pid, start, pidns] = NAME.exec(name) ?? []
  if (id === undefined || pidns === undefined) return undefined
  const inode = Number.parseInt(pidns, 36)
  // Inodes of namespaces are 32 bits wide (proc_alloc_inum in fs/proc/generic.c).
  if (inode > 0xffff_ffff) return undefined
  return { id, owner: { pid: Number(pid), start: Number(start), pidns: inode } }
}
