import { InvalidInputError, UnsupportedError } from '../../base/errors.ts'
import type { StatfsDecoded } from '../../linux/generated/signatures.ts'
import type { Fd, Ref } from '../../linux/ref.ts'
import { type Program, program } from '../../program/builder.ts'
import type { ProgramResult } from '../../program/result.ts'
import type { IntelRdt } from '../spec.ts'

const RESCTRL = '/sys/fs/resctrl'
/** `RDTGROUP_SUPER_MAGIC` of linux/magic.h */
const RDTGROUP_SUPER_MAGIC = 0x7655821
const DIRECTORY = ['O_PATH', 'O_DIRECTORY', 'O_NOFOLLOW', 'O_CLOEXEC'] as const
const SCHEMATA_BYTES = 8192

/** Whose class of service is set. */
export interface IntelRdtInput {
  readonly intelRdt: IntelRdt
  /** Of the container: names a class without `closID`, and the group of monitoring */
  readonly id: string
  /** As the process that runs the programs numbers it */
  readonly pid: number
}

/** Runs a program in the host's namespaces. */
type Run = (p: Program) => ProgramResult

/**
 * Puts a process into a class of service of resctrl, which it makes when it is not there (runtime-spec config-linux.md, IntelRdt).
 * `register` hears what is about to be made, to be removed with the container: whatever fails from then on may leave it behind.
 * @throws UnsupportedError without resctrl, InvalidInputError for a class that is missing or says something else
 */
export function applyIntelRdt(
  { intelRdt, id, pid }: IntelRdtInput,
  run: Run,
  register: (directory: string) => void,
): void {
  const name = intelRdt.closID ?? id
  const isDefault = name === '/'
  const path = isDefault ? RESCTRL : `${RESCTRL}/${name}`
  const lines = schemaLines(intelRdt)
  const existing = look(path, run)
  if (existing === undefined && intelRdt.closID !== undefined && lines.length === 0) {
    const rule = `names a class that is not there: make ${path}, or give schemata`
    throw new InvalidInputError(`/linux/intelRdt/closID ${rule}`, { field: '/linux/intelRdt/closID' })
  }
  if (existing !== undefined && lines.length > 0) assertSame(existing, lines, path)
  if (existing === undefined) register(path)
  else if (intelRdt.enableMonitoring) register(`${path}/mon_groups/${id}`)
  run(assignProgram({ path, make: existing === undefined, lines, pid, monitor: intelRdt.enableMonitoring ? id : null }))
}

/** What a class says, undefined when there is none. */
function look(path: string, run: Run): string | undefined {
  const p = program()
  p.because('intelRdt', 'Whether resctrl is mounted, and what the class says already')
  const root = p.tolerate('ENOENT').openat('AT_FDCWD', RESCTRL, DIRECTORY)
  const statfs: Ref<StatfsDecoded> = p.fstatfs(root)
  const directory = p.tolerate('ENOENT').openat('AT_FDCWD', path, DIRECTORY)
  const file = p.openat(directory, 'schemata', ['O_RDONLY', 'O_NOFOLLOW', 'O_CLOEXEC'])
  const text = p.read(file, SCHEMATA_BYTES)
  for (const fd of [file, directory, root]) p.close(fd)
  const result = run(p)
  const magic = result.get(statfs) as StatfsDecoded | number
  if (typeof magic === 'number' || magic.f_type !== RDTGROUP_SUPER_MAGIC) {
    throw new UnsupportedError(`/linux/intelRdt is given, but ${RESCTRL} is no resctrl filesystem`, {
      fact: 'resctrl',
      remedy: `mount -t resctrl resctrl ${RESCTRL}, on a processor that has Resource Director Technology`,
    })
  }
  const bytes = result.get(text) as Uint8Array | number
  return bytes instanceof Uint8Array ? new TextDecoder().decode(bytes) : undefined
}

/** What is written, in the order of the specification: `schemata` last; the bandwidth of `memBwSchema` instead of one in `l3CacheSchema`. */
export function schemaLines({ l3CacheSchema, memBwSchema, schemata = [] }: IntelRdt): readonly string[] {
  const cache = (l3CacheSchema ?? '').split('\n').filter((line) => line !== '')
  const own = memBwSchema === undefined ? cache : cache.filter((line) => !line.trim().startsWith('MB:'))
  return [...own, ...(memBwSchema === undefined ? [] : [memBwSchema]), ...schemata]
}

/** Values of a line by domain: `L3:0=7f0;1=1f`, without leading zeros. */
function valuesOf(line: string): { readonly resource: string; readonly values: ReadonlyMap<string, string> } {
  const [resource = '', rest = ''] = line.trim().split(/:(.*)/)
  const pairs = rest.split(';').map((pair) => pair.split('=').map((part) => part.trim()) as [string, string?])
  return { resource, values: new Map(pairs.map(([domain, value = '']) => [domain, value.replace(/^0+(?=.)/, '')])) }
}

/** @throws InvalidInputError */
export function assertSame(existing: string, lines: readonly string[], path: string): void {
  const known = new Map(existing.split('\n').map((line) => [valuesOf(line).resource, valuesOf(line).values]))
  for (const line of lines) {
    const { resource, values } = valuesOf(line)
    const there = known.get(resource)
    if (there && [...values].every(([domain, value]) => there.get(domain) === value)) continue
    const rule = `says ${line}, but the class ${path} exists and says otherwise: name another class in closID`
    throw new InvalidInputError(`/linux/intelRdt ${rule}`, { field: '/linux/intelRdt' })
  }
}

interface Assignment {
  readonly path: string
  readonly make: boolean
  readonly lines: readonly string[]
  readonly pid: number
  /** Name of a group of monitoring */
  readonly monitor: string | null
}

function assignProgram({ path, make, lines, pid, monitor }: Assignment): Program {
  const p = program()
  p.because('intelRdt', 'The class of service of the container')
  if (make) p.mkdirat('AT_FDCWD', path, 0o755)
  const directory = p.openat('AT_FDCWD', path, DIRECTORY)
  if (make && lines.length > 0) write(p, directory, 'schemata', lines.map((line) => `${line}\n`).join(''))
  write(p, directory, 'tasks', String(pid))
  if (monitor !== null) {
    p.because('intelRdt', 'Its use of caches and memory is counted for itself')
    p.tolerate('EEXIST').mkdirat(directory, `mon_groups/${monitor}`, 0o755)
    write(p, directory, `mon_groups/${monitor}/tasks`, String(pid))
  }
  p.close(directory)
  return p
}

function write(p: Program, directory: Ref<Fd>, name: string, text: string): void {
  const file = p.openat(directory, name, ['O_WRONLY', 'O_NOFOLLOW', 'O_CLOEXEC'])
  p.write(file, text)
  p.close(file)
}
