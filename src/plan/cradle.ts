import type { HostDirectories } from '../features/cgroups/group-steps.ts'
import { freshNetworkSteps, mayInheritNetwork } from '../features/namespaces/namespaces.ts'
import type { HostFacts } from '../host/facts.ts'
import type { Arch } from '../linux/arch.ts'
import type { Fd, Ref } from '../linux/ref.ts'
import { type Program, program } from '../program/builder.ts'
import { cradleProgram } from './init-program.ts'
import { baseSpec, ownEtc } from './layout.ts'
import type { Settings } from './settings.ts'

/** What a plan knows of the cradle that its sandbox is born in. */
export interface CradleFacts {
  readonly directories: HostDirectories
}

/** What a cradle is made by: the part of a root that sandboxes like `settings` share, and the next one's network. */
export interface CradlePlan {
  /** Run once; the references are descriptors of `directories`, in this order */
  readonly base: { readonly program: Program; readonly opened: readonly Ref<Fd>[] }
  readonly directories: readonly string[]
  /** Run after each birth, and once before the first; null: sandboxes use the host's network, which the cradle is in */
  readonly network: Program | null
}

/** The parents of the groups of a sandbox are all that a cradle needs of the host. */
export function planCradle(settings: Settings, facts: HostFacts): CradlePlan {
  const { controllers, unified } = facts.cgroups
  const parents = [...Object.values(controllers).map(({ parent }) => parent), ...(unified ? [unified.parent] : [])]
  const { recordDirectory } = settings.identity
  const directories = [...new Set(recordDirectory === null ? parents : [...parents, recordDirectory])]
  return {
    base: cradleProgram(facts.arch, baseSpec(settings, facts), directories),
    directories,
    network: settings.net === 'host' ? null : networkProgram(facts.arch),
  }
}

function networkProgram(arch: Arch): Program {
  const p = program({ arch })
  freshNetworkSteps(p)
  return p
}

/**
 * Whether a sandbox can be born in a cradle that was made for sandboxes like `like`: nothing in its root is its own but what it
 * writes to, and no capability of its is about its network.
 */
export function fitsCradle(settings: Settings, like: Settings): boolean {
  if (settings.rootfs || settings.binds.length > 0 || !mayInheritNetwork(settings.capabilities)) return false
  if (settings.identity.recordDirectory !== like.identity.recordDirectory) return false
  return settings.net === like.net && JSON.stringify(ownEtc(settings.etc)) === JSON.stringify(ownEtc(like.etc))
}
