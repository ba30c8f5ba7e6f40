import type { CloneFlag } from '../../linux/tables/clone.ts'
import type { Linux, Namespace, NamespaceType } from '../spec.ts'

/** Kernel names of the specification's types */
export const NAMESPACE_FLAGS: Readonly<Record<NamespaceType, CloneFlag>> = {
  pid: 'CLONE_NEWPID',
  network: 'CLONE_NEWNET',
  mount: 'CLONE_NEWNS',
  ipc: 'CLONE_NEWIPC',
  uts: 'CLONE_NEWUTS',
  user: 'CLONE_NEWUSER',
  cgroup: 'CLONE_NEWCGROUP',
  time: 'CLONE_NEWTIME',
}

/** A namespace that exists already. */
export interface JoinedNamespace {
  readonly type: NamespaceType
  readonly path: string
}

/** Which process makes or joins what. A type that is in none of the lists is the runtime's own namespace. */
export interface NamespacePlan {
  /** New from the birth of the container's first process */
  readonly birth: readonly CloneFlag[]
  /** Joined by its maker, which has the rights to: the first process is born into them */
  readonly joinedByMaker: readonly JoinedNamespace[]
  /** Joined by the first process: its maker still needs the files and groups of its own */
  readonly joinedByFirst: readonly JoinedNamespace[]
  /** A cgroup namespace begins where its maker is: made by the first process, once it is in its groups */
  readonly newCgroup: boolean
  /** Offsets are written before anybody is in it: made by the maker (time_namespaces(7)) */
  readonly newTime: boolean
  readonly user: 'runtime' | 'new' | 'joined'
  readonly newNetwork: boolean
  readonly mount: 'runtime' | 'new' | 'joined'
}

export function planNamespaces(linux: Linux | undefined): NamespacePlan {
  const all = linux?.namespaces ?? []
  const isNew = (type: NamespaceType): boolean => all.some((each) => each.type === type && !each.path)
  const joined = all.filter(hasPath)
  const byFirst = (type: NamespaceType): boolean => type === 'mount' || type === 'cgroup'
  const kind = (type: NamespaceType) =>
    isNew(type) ? 'new' : joined.some((each) => each.type === type) ? 'joined' : 'runtime'
  return {
    birth: all
      .filter(({ type, path }) => !path && type !== 'cgroup' && type !== 'time')
      .map(({ type }) => NAMESPACE_FLAGS[type]),
    joinedByMaker: joined.filter(({ type }) => !byFirst(type)),
    joinedByFirst: joined.filter(({ type }) => byFirst(type)),
    newCgroup: isNew('cgroup'),
    newTime: isNew('time'),
    user: kind('user'),
    newNetwork: isNew('network'),
    mount: kind('mount'),
  }
}

const hasPath = (each: Namespace): each is JoinedNamespace => Boolean(each.path)
