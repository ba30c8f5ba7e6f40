import { checkChoice, refuse } from '../../bundle/config/fields.ts'
import type { ContainerMount, DeviceNode } from './container-config.ts'
import { readDevice } from './read-devices.ts'
import { checkPlainPath, countOf, eachOf, flagOf, pointerOf, type Section, section, textOf } from './section.ts'

const MOUNT = ['type', 'source', 'destination', 'writable', 'private', 'relabel'] as const
const TYPES = ['bind', 'tmpfs', 'devtmpfs'] as const
const MOST_ID = 0xffff_fffe

/** `mounts`, without the `devtmpfs` that asked for a /dev of memory: there always is one. @throws InvalidInputError */
export function readMounts(from: Section): readonly ContainerMount[] {
  return eachOf(from, 'mounts', readMount).filter((mount) => mount !== undefined)
}

function readMount(value: unknown, at: string): ContainerMount | undefined {
  const entry = section(value, at, MOUNT)
  const type = textOf(entry, 'type')
  if (type === undefined) refuse(pointerOf(entry, 'type'), `is missing: say ${TYPES.join(' or ')}`)
  checkChoice(type, pointerOf(entry, 'type'), TYPES)
  refuseRelabel(entry)
  const flags = { writable: flagOf(entry, 'writable') ?? false, private: flagOf(entry, 'private') ?? false }
  if (type === 'devtmpfs') return checkDev(entry)
  const destination = destinationOf(entry)
  const source = textOf(entry, 'source') ?? ''
  if (type === 'tmpfs') return tmpfs(entry, { type, source: '', destination, ...flags })
  if (source === '') refuse(pointerOf(entry, 'source'), 'is missing: a bind mount needs the path that is to be seen')
  return { type: 'bind', source, destination, ...flags }
}

/** What is writable was asked of binds alone. */
function tmpfs(entry: Section, mount: ContainerMount): ContainerMount {
  if (entry.fields['writable'] === false) {
    refuse(pointerOf(entry, 'writable'), 'would keep a new tmpfs empty: take it out')
  }
  return { ...mount, writable: true }
}

function destinationOf(entry: Section): string {
  const at = pointerOf(entry, 'destination')
  const path = textOf(entry, 'destination')
  if (path === undefined) return refuse(at, 'is missing: say where in the container')
  const destination = checkPlainPath(path, at, 'begin it with "/"')
  if (destination === '/') refuse(at, 'must not be "/": name another directory by root_fs instead')
  return destination
}

/** Only its type ever counted: "/dev is to be a tmpfs". */
function checkDev(entry: Section): undefined {
  const destination = textOf(entry, 'destination')
  if (destination !== undefined && destination !== '/dev') {
    refuse(pointerOf(entry, 'destination'), `must be "/dev" with devtmpfs, not ${JSON.stringify(destination)}`)
  }
}

/** It changed labels of files of the host for good, which nothing takes back. */
function refuseRelabel(entry: Section): void {
  const relabel = textOf(entry, 'relabel')
  if (relabel === undefined) return
  const at = pointerOf(entry, 'relabel')
  if (relabel !== 'z' && relabel !== 'Z') refuse(at, `must be "z" or "Z", not ${JSON.stringify(relabel)}`)
  refuse(at, 'would change labels of the host’s files for good: run chcon -R once yourself, and take it out')
}

/** `device_nodes`. @throws InvalidInputError */
export function readDeviceNodes(from: Section): readonly DeviceNode[] {
  const seen = new Set<string>()
  return eachOf(from, 'device_nodes', (value, at) => {
    const { entry, type, major, minor } = readDevice(value, at, 0)
    const where = pointerOf(entry, 'path')
    const given = textOf(entry, 'path')
    if (given === undefined) return refuse(where, 'is missing: say where in the container')
    const path = checkPlainPath(given, where, 'begin it with "/"')
    if (seen.has(path)) refuse(where, `is ${JSON.stringify(path)} for the second time: keep one`)
    seen.add(path)
    const owner = { uid: countOf(entry, 'uid', 0, MOST_ID), gid: countOf(entry, 'gid', 0, MOST_ID) }
    return { type, path, major, minor, fileMode: readMode(entry, type), ...owner }
  })
}

/** Type bits of st_mode, which 2014's program wrote too (inode(7)) */
const TYPE_BITS = { c: 0o020000, b: 0o060000 } as const

function readMode(entry: Section, type: 'c' | 'b'): number {
  if (entry.fields['file_mode'] === undefined) return 0o666
  const mode = countOf(entry, 'file_mode', 0, 0o177777)
  const permissions = mode & 0o777
  if (mode === permissions || mode === (permissions | TYPE_BITS[type])) return permissions
  return refuse(pointerOf(entry, 'file_mode'), `must be permissions, 438 for rw-rw-rw-, not 0o${mode.toString(8)}`)
}
