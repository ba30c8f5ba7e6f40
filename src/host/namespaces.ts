import { no, yes } from './answer.ts'
import type { Answer } from './facts.ts'
import { readSysctl } from './kernel.ts'
import type { HostSource } from './source.ts'
import type { Status } from './status.ts'

/** Namespace kinds of this kernel; the `_for_children` links name no kinds of their own. */
export function readNamespaces(source: HostSource): string[] {
  return (source.names('/proc/self/ns') ?? []).filter((name) => !name.endsWith('_for_children'))
}

/** What the kernel's switches say; a container's seccomp filter may still refuse, which only a trial shows. */
export function readUserNamespaces(source: HostSource, namespaces: readonly string[], status: Status): Answer {
  if (!namespaces.includes('user')) {
    return no('this kernel was built without user namespaces', 'use a kernel with CONFIG_USER_NS')
  }
  if (readSysctl(source, 'user.max_user_namespaces') === 0) {
    return no('user.max_user_namespaces is 0', 'sysctl -w user.max_user_namespaces=15000')
  }
  return status.capabilities.includes('CAP_SYS_ADMIN') ? yes : readUnprivileged(source)
}

function readUnprivileged(source: HostSource): Answer {
  // Debian and Arch kernels carry this switch as a patch.
  if (readSysctl(source, 'kernel.unprivileged_userns_clone') === 0) {
    return no(
      'kernel.unprivileged_userns_clone is 0, so only root may make user namespaces',
      'sysctl -w kernel.unprivileged_userns_clone=1, or run as root',
    )
  }
  // Ubuntu 23.10 and later: the namespace is made but its capabilities are taken away, unless a profile allows `userns`.
  const restricted = readSysctl(source, 'kernel.apparmor_restrict_unprivileged_userns') === 1
  if (restricted && isUnconfined(source)) {
    return no(
      'AppArmor takes all capabilities away in user namespaces of unprivileged programs',
      'install an AppArmor profile with `userns,` for node, or sysctl -w kernel.apparmor_restrict_unprivileged_userns=0, or run as root',
    )
  }
  return yes
}

function isUnconfined(source: HostSource): boolean {
  const label = source.text('/proc/self/attr/apparmor/current') ?? source.text('/proc/self/attr/current')
  return /^unconfined\b/.test(label ?? 'unconfined')
}
