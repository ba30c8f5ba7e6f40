import { InvalidInputError } from '../../base/errors.ts'

/** Where the groups of a container are asked to be, in each hierarchy. */
export interface CgroupsPath {
  /** Below the root of the hierarchy; else near the group of the runtime */
  readonly absolute: boolean
  /** From the top, the last is the container's own */
  readonly segments: readonly [string, ...string[]]
}

const FIELD = '/linux/cgroupsPath'
const NAME_MAX = 255

/**
 * `linux.cgroupsPath` for a runtime that makes directories itself. Absent or empty it is the runtime's to choose: `carrel-oci-ID`, so that
 * no id is taken for a file of the kernel or for a group of somebody else's.
 * @throws InvalidInputError for what could lead elsewhere, or is meant for systemd
 */
export function parseCgroupsPath(cgroupsPath: string | undefined, id: string): CgroupsPath {
  if (cgroupsPath === undefined || cgroupsPath === '') return { absolute: false, segments: [`carrel-oci-${id}`] }
  if (cgroupsPath.includes(':') && /^[^/]*:[^/]*:[^/]+$/.test(cgroupsPath)) {
    refuse(cgroupsPath, 'is "slice:prefix:name", which systemd takes: give --systemd-cgroup too, or a path')
  }
  const [first, ...others] = cgroupsPath.split('/').filter((segment) => segment !== '')
  if (first === undefined) refuse(cgroupsPath, 'must name a group below the root')
  const segments = [first, ...others] as const
  for (const segment of segments) {
    if (segment === '.' || segment === '..') refuse(cgroupsPath, 'must not have "." or ".." in it')
    // eslint-disable-next-line no-control-regex -- control characters are what is looked for
    if (/[\u0000-\u001f\u007f]/.test(segment)) refuse(cgroupsPath, 'must be free of control characters')
    // No letter takes more than three bytes of UTF-8 for each unit of UTF-16.
    if (3 * segment.length > NAME_MAX && new TextEncoder().encode(segment).length > NAME_MAX) {
      refuse(cgroupsPath, `must have names of at most ${NAME_MAX} bytes`)
    }
  }
  return { absolute: cgroupsPath.startsWith('/'), segments }
}

function refuse(value: string, rule: string): never {
  throw new InvalidInputError(`${FIELD} ${rule}, not ${JSON.stringify(value)}`, { field: FIELD })
}
