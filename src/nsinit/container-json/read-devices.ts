import { refuse } from '../../bundle/config/fields.ts'
import { describeValue } from '../../linux/show-value.ts'
import type { DeviceAccess } from './container-config.ts'
import { countOf, eachOf, pointerOf, type Section, section, textOf } from './section.ts'

const DEVICE = [
  'type',
  'path',
  'major_number',
  'minor_number',
  'cgroup_permissions',
  'file_mode',
  'uid',
  'gid',
] as const
/** A Go rune is written as its number. */
const TYPES: ReadonlyMap<unknown, 'c' | 'b'> = new Map<unknown, 'c' | 'b'>([
  ['c', 'c'],
  [99, 'c'],
  ['b', 'b'],
  [98, 'b'],
])
/** `dev_t` inside of the kernel: 12 bits of major, 20 bits of minor (linux/kdev_t.h) */
const MOST_MAJOR = 0xfff
const MOST_MINOR = 0xf_ffff

const LETTERS = ['r', 'w', 'm'] as const

/** What the two lists of devices have in common. */
export interface ReadDevice {
  readonly entry: Section
  readonly type: 'c' | 'b'
  readonly major: number
  readonly minor: number
}

/** @param least -1 where that stands for every number; 2014's program left out a 0 @throws InvalidInputError */
export function readDevice(value: unknown, at: string, least: 0 | -1): ReadDevice {
  const entry = section(value, at, DEVICE)
  const given = entry.fields['type']
  const type = TYPES.get(given)
  if (!type) {
    return refuse(pointerOf(entry, 'type'), `must be "c" (99) or "b" (98), not ${describeValue(given)}`)
  }
  return {
    entry,
    type,
    major: countOf(entry, 'major_number', least, MOST_MAJOR),
    minor: countOf(entry, 'minor_number', least, MOST_MINOR),
  }
}

/** `allowed_devices`; path, mode and owner of an entry are those of a node, and say nothing here. @throws InvalidInputError */
export function readAllowedDevices(from: Section): readonly DeviceAccess[] {
  return eachOf(from, 'allowed_devices', (value, at) => {
    const { entry, type, major, minor } = readDevice(value, at, -1)
    const where = pointerOf(entry, 'cgroup_permissions')
    const letters = textOf(entry, 'cgroup_permissions')
    if (letters === undefined) return refuse(where, 'is missing: say r for reading, w for writing, m for mknod(2)')
    if (!/^[rwm]+$/.test(letters)) refuse(where, `must be letters of "rwm", not ${JSON.stringify(letters)}`)
    return { type, major, minor, permissions: LETTERS.filter((letter) => letters.includes(letter)).join('') }
  })
}
