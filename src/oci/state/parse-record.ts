import { InvalidInputError } from '../../base/errors.ts'
import type { GroupPlace } from '../../features/cgroups/group-place.ts'
import type { Controller } from '../../host/facts.ts'
import type { ContainerRecord } from './container-record.ts'

/**
 * The record of the container `id` from the text of its file. Fields that this version does not know are left out; every other one has
 * the form in which it was written, or the file is not believed: pids are signalled and directories removed by it.
 * @throws InvalidInputError whose field is the JSON pointer
 */
export function parseRecord(id: string, text: string): ContainerRecord {
  const fields = objectAt(parsed(text), '')
  if (fields['id'] !== id) refuse('/id', `must be ${JSON.stringify(id)}`)
  const scope = optional(fields['scope'], (value) => textAt(value, '/scope'))
  const closDirectory = optional(fields['closDirectory'], (value) => pathAt(value, '/closDirectory'))
  const final = optional(fields['final'], finalAt)
  return {
    id,
    ociVersion: textAt(fields['ociVersion'], '/ociVersion'),
    pid: numberAt(fields['pid'], '/pid'),
    startTime: numberAt(fields['startTime'], '/startTime'),
    bundle: pathAt(fields['bundle'], '/bundle'),
    rootfs: pathAt(fields['rootfs'], '/rootfs'),
    created: textAt(fields['created'], '/created'),
    owner: numberAt(fields['owner'], '/owner'),
    annotations: annotationsAt(fields['annotations']),
    groups: listAt(fields['groups'], '/groups').map(placeAt),
    ...(scope === undefined ? {} : { scope }),
    ...(closDirectory === undefined ? {} : { closDirectory }),
    ...(fields['poststopRan'] === true ? { poststopRan: true } : {}),
    ...(final === undefined ? {} : { final }),
  }
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    refuse('', 'must be JSON')
  }
}

function placeAt(value: unknown, index: number): GroupPlace {
  const at = `/groups/${index}`
  const fields = objectAt(value, at)
  const version = fields['version']
  if (version !== 1 && version !== 2) refuse(`${at}/version`, 'must be 1 or 2')
  const controllers = listAt(fields['controllers'], `${at}/controllers`)
  return {
    directory: pathAt(fields['directory'], `${at}/directory`),
    version,
    controllers: controllers.map((each, i) => textAt(each, `${at}/controllers/${i}`) as Controller),
  }
}

function finalAt(value: unknown): NonNullable<ContainerRecord['final']> {
  const fields = objectAt(value, '/final')
  return {
    executable: textAt(fields['executable'], '/final/executable'),
    steps: numberAt(fields['steps'], '/final/steps'),
  }
}

function annotationsAt(value: unknown): Readonly<Record<string, string>> {
  const fields = objectAt(value, '/annotations')
  return Object.fromEntries(Object.entries(fields).map(([name, text]) => [name, textAt(text, `/annotations/${name}`)]))
}

function objectAt(value: unknown, at: string): Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) refuse(at, 'must be an object')
  return value as Readonly<Record<string, unknown>>
}

function listAt(value: unknown, at: string): readonly unknown[] {
  if (!Array.isArray(value)) refuse(at, 'must be an array')
  return value
}

function textAt(value: unknown, at: string): string {
  if (typeof value !== 'string') refuse(at, 'must be text')
  return value
}

function numberAt(value: unknown, at: string): number {
  if (typeof value !== 'number' || !Number.isSafeInteger(value) || value < 0) refuse(at, 'must be a whole number')
  return value
}

/** Absolute, and the same for everybody who reads it. */
function pathAt(value: unknown, at: string): string {
  const path = textAt(value, at)
  if (!path.startsWith('/') || path.includes('\0') || path.split('/').includes('..')) {
    refuse(at, 'must be an absolute path without ".."')
  }
  return path
}

const optional = <T>(value: unknown, read: (value: unknown) => T): T | undefined =>
  value === undefined ? undefined : read(value)

function refuse(at: string, rule: string): never {
  throw new InvalidInputError(`${at === '' ? 'the file' : at} ${rule}`, { field: at })
}
