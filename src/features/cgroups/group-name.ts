import { InvalidInputError } from '../../base/errors.ts'
import { describeValue } from '../../linux/show-value.ts'

/** Longest name of a directory, NAME_MAX. */
const LONGEST = 255

/** Names that the kernel gives to its files in every group, or in one of some controller: `memory.max`, `tasks`. */
const KERNEL_FILES =
  /^(?:(?:cgroup|memory|pids|cpu|cpuacct|cpuset|io|blkio|hugetlb|rdma|misc|dmem|devices|freezer|net_cls|net_prio|perf_event|irq)(?:\.|$)|tasks$|notify_on_release$|release_agent$)/

/** Whether a group of that name could not be told from a file of the one above it, or could not be made. */
export const isKernelFile = (name: string): boolean => KERNEL_FILES.test(name)

/** Levels of a group below its parent, from the top: `['alcove', 'guest1']`. @throws InvalidInputError naming the segment */
export function checkGroupName(name: string | readonly string[]): readonly [string, ...string[]] {
  if (typeof name === 'string') return [checkSegment(name, 'name')]
  const [first, ...others] = name.map((segment, index) => checkSegment(segment, `name[${index}]`))
  if (first === undefined) throw new InvalidInputError('name has no segments: give at least one', { field: 'name' })
  return [first, ...others]
}

function checkSegment(segment: string, field: string): string {
  const rule = brokenRule(segment)
  if (rule === undefined) return segment
  throw new InvalidInputError(`${field} ${rule}, not ${describeValue(segment)}: use a name like carrel-1`, { field })
}

function brokenRule(segment: unknown): string | undefined {
  if (typeof segment !== 'string' || segment === '') return 'must be text'
  if (segment === '.' || segment === '..') return 'must be the name of a directory to be made'
  if (segment.includes('/')) return 'must be one segment without "/" (give a list for several levels)'
  // eslint-disable-next-line no-control-regex -- control characters are what is looked for
  if (/[\u0000-\u001f\u007f-\u009f]/.test(segment)) return 'must be free of control characters'
  if (new TextEncoder().encode(segment).length > LONGEST) return `must be at most ${LONGEST} bytes long`
  return isKernelFile(segment) ? 'must not look like a file of the kernel' : undefined
}
