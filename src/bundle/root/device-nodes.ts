import type { Fd, Ref } from '../../linux/ref.ts'
import { makedev } from '../../linux/params.ts'
import type { Program } from '../../program/builder.ts'
import { type MountFacts, plannedMounts, type Sources } from '../mounts/mount-facts.ts'
import type { Config } from '../spec.ts'
import { onlyAfter, succeeds } from './condition.ts'
import { containerNodes, deviceMount, devIsShared, type Node, NULL_NODE } from './device-list.ts'
import { ANYTHING, checkNode, inRoot, makeTarget, openHow, type Root } from './root.ts'

/** Links of /dev, each made when what it leads to is there (runtime-linux.md, "Dev symbolic links"). */
const LINKS = [
  ['fd', '/proc/self/fd', 'proc/self/fd'],
  ['stdin', '/proc/self/fd/0', 'proc/self/fd'],
  ['stdout', '/proc/self/fd/1', 'proc/self/fd'],
  ['stderr', '/proc/self/fd/2', 'proc/self/fd'],
  ['core', '/proc/kcore', 'proc/kcore'],
] as const

/**
 * Makes the container's nodes: the default ones and those of the configuration. A node that an image brings is left, and must be the
 * right one. /dev itself is never a link out of somewhere else (CVE-2026-41579). Nothing is done in a /dev that is shown from elsewhere.
 */
export function deviceNodeSteps(p: Program, root: Root, config: Config, facts: MountFacts, sources: Sources): void {
  const isNew = isNewDirectory(config)
  const mounted = new Set(plannedMounts(config).map(({ destination }) => destination))
  p.because('devices', 'Nodes that every program may expect, and those of the configuration (config-linux.md)')
  const places = new Map<string, Ref<Fd>>()
  for (const node of containerNodes(config)) {
    if (mounted.has(node.path)) continue
    const host = facts.nodesOfHost ? sources.get(`node:${node.path}`) : undefined
    if (host !== undefined) boundNode(p, root, node, host as Ref<Fd>)
    else madeNode(p, root, node, placeOf(p, root, node, places), isNew && isDirect(node))
  }
  if (!devIsShared(config)) linkSteps(p, root, placeIn(p, root, '/dev', places), isNew)
  for (const place of places.values()) p.close(place)
}

/** Whether /dev is a file system that was just made: no name of it is taken. */
function isNewDirectory(config: Config): boolean {
  const mount = deviceMount(config)
  return mount?.mount.type === 'tmpfs' && mount.options.bind === 'no'
}

const isDirect = ({ path }: Node): boolean => path.lastIndexOf('/') === '/dev'.length && path.startsWith('/dev/')

const placeOf = (p: Program, root: Root, { path }: Node, places: Map<string, Ref<Fd>>): Ref<Fd> =>
  placeIn(p, root, path.slice(0, path.lastIndexOf('/')) || '/', places)

function placeIn(p: Program, root: Root, path: string, places: Map<string, Ref<Fd>>): Ref<Fd> {
  const known = places.get(path)
  if (known) return known
  const place = makeTarget(p, root, path, 'directory', { noSymlinks: true })
  places.set(path, place)
  return place
}

/** Makes a node. Where an image may have one of the name already, it is left and looked at: another one ends the start. */
function madeNode(p: Program, root: Root, node: Node, place: Ref<Fd>, isNew: boolean): void {
  const name = node.path.slice(node.path.lastIndexOf('/') + 1)
  const make = [place, name, node.type | node.mode, makedev(node.major, node.minor)] as const
  const owned = node.uid !== 0 || node.gid !== 0
  const own = [place, name, node.uid, node.gid, ['AT_SYMLINK_NOFOLLOW']] as const
  const isNull = node.path === NULL_NODE.path
  if (isNew) {
    p.mknodat(...make)
    if (owned) p.fchownat(...own)
    if (!isNull) return
  } else {
    const made = succeeds(p.tolerate('EEXIST'), 'mknodat', make)
    if (owned) onlyAfter(p, made, 'fchownat', own)
  }
  const fd = p.openat2(place, name, {
    flags: ['O_PATH', 'O_NOFOLLOW', 'O_CLOEXEC'],
    resolve: ['RESOLVE_BENEATH', 'RESOLVE_NO_SYMLINKS', 'RESOLVE_NO_XDEV'],
  })
  checkNode(p, root, fd, node)
  if (isNull) root.nullDevice = fd
  else p.close(fd)
}

/** Shows a node of the host, which must be the one that is asked for. */
function boundNode(p: Program, root: Root, node: Node, host: Ref<Fd>): void {
  checkNode(p, root, host, node)
  const target = makeTarget(p, root, node.path, 'file')
  p.move_mount(host, '', target, '', ['MOVE_MOUNT_F_EMPTY_PATH', 'MOVE_MOUNT_T_EMPTY_PATH'])
  p.close(target)
  if (node.path === NULL_NODE.path) root.nullDevice = host
  else p.close(host)
}

function linkSteps(p: Program, root: Root, dev: Ref<Fd>, isNew: boolean): void {
  p.because('devices', 'Links to what the container’s own /proc and /dev/pts show')
  const targets = new Map<string, Ref<Fd>>()
  for (const [name, target, needed] of LINKS) {
    const there = targets.get(needed) ?? p.tolerate(...ABSENT).openat2(root.fd, needed, ANYTHING)
    targets.set(needed, there)
    p.tolerate('EEXIST')
    onlyAfter(p, there, 'symlinkat', [target, dev, name])
  }
  for (const there of targets.values()) p.close(there)
  if (!isNew) p.tolerate('ENOENT', 'EROFS', 'EBUSY', 'EISDIR', 'EACCES', 'EPERM').unlinkat(dev, 'ptmx', [])
  p.tolerate('EEXIST').symlinkat('pts/ptmx', dev, 'ptmx')
}

const NO_LINK = openHow(['O_PATH', 'O_NOFOLLOW'], ['RESOLVE_NO_SYMLINKS'])
const ABSENT = ['ENOENT', 'ENOTDIR', 'ELOOP', 'EACCES'] as const

/** The container's null device, checked to be it: its own node as it was made, or whatever lies at its path. */
export function nullDevice(p: Program, root: Root): Root['nullDevice'] & {} {
  if (root.nullDevice !== null) return root.nullDevice
  const fd = inRoot(p, root, NULL_NODE.path, NO_LINK)
  checkNode(p, root, fd, NULL_NODE)
  root.nullDevice = fd
  return fd
}
