import { no, yes } from './answer.ts'
import type { CgroupContext } from './cgroup-context.ts'
import type { Answer, ControllerFacts, HostFacts } from './facts.ts'
import { isAtLeast } from './kernel.ts'

/** Whether groups of this process can have device rules. Whether the kernel has CONFIG_CGROUP_BPF only a trial shows. */
export function readDeviceRules(
  { source, mounts }: CgroupContext,
  host: Pick<HostFacts, 'kernel' | 'capabilities'> & { readonly v1: ControllerFacts | undefined },
): Answer {
  if (host.v1) return host.v1.usable
  if (!mounts.some(({ type }) => type === 'cgroup2')) {
    return no('no hierarchy that could have device rules is mounted', 'mount -t cgroup2 none /sys/fs/cgroup')
  }
  if (!isAtLeast(host.kernel, 4, 15))
    return no('this kernel has no BPF programs for devices', 'use Linux 4.15 or newer')
  const has = (name: string): boolean => host.capabilities.includes(name)
  // bpf(2): loading and attaching ask for both since 5.8, and CAP_SYS_ADMIN stands for both; before it was the only one.
  const may = has('CAP_SYS_ADMIN') || (isAtLeast(host.kernel, 5, 8) && has('CAP_BPF') && has('CAP_NET_ADMIN'))
  if (!may)
    return no(
      'device rules need CAP_BPF and CAP_NET_ADMIN',
      'run as root; a sandbox of an ordinary user can make no devices',
    )
  return isInitialUserNamespace(source.text('/proc/self/uid_map'))
    ? yes
    : no(
        'the kernel takes device rules from outside user namespaces only',
        'run outside the container, or as root of the host',
      )
}

/** user_namespaces(7): the initial one maps all ids to themselves. */
const isInitialUserNamespace = (map: string | undefined): boolean =>
  map === undefined || /^0 0 4294967295$/.test(map.trim().replace(/\s+/g, ' '))
