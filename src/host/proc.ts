import { no, yes } from './answer.ts'
import type { Answer, HostFacts } from './facts.ts'
import type { MountEntry } from '../linux/mountinfo.ts'
import type { HostSource } from './source.ts'

/** Names below /proc that container engines hide because they tell about the host or its other users. */
const MASKED = [
  ...['acpi', 'asound', 'interrupts', 'kcore', 'keys', 'latency_stats', 'sched_debug', 'scsi'],
  ...['timer_list', 'timer_stats'],
]

/** Names below /proc through which root in a container could change the host. */
const PROTECTED = ['bus', 'fs', 'irq', 'pressure', 'sys', 'sysrq-trigger']

/** Those of both lists that this kernel has, relative to /proc, sorted. */
export function readProcPaths(source: HostSource): HostFacts['procPaths'] {
  return [...MASKED, ...PROTECTED].sort().flatMap((path) => {
    const entry = source.entry(`/proc/${path}`)
    return entry ? [{ path, directory: entry.kind === 'directory' }] : []
  })
}

/** Directories that the kernel keeps empty for mounts: what covers them hides nothing (proc_create_mount_point). */
const EMPTY_DIRECTORIES = ['/sys/fs/binfmt_misc', '/fs/nfsd', '/xen', '/openprom']

/**
 * Whether a user namespace may mount procfs: mount_too_revealing() in fs/namespace.c wants an instance that is whole, writable
 * and uncovered in the mount namespace the new one is copied from.
 */
export function readProcMount(mounts: readonly MountEntry[]): Answer {
  const instances = mounts.filter(({ type, root }) => type === 'proc' && root === '/')
  const covers = instances.map((instance) => ({ instance, cover: findCover(instance, mounts) }))
  if (covers.some(({ instance, cover }) => cover === undefined && !instance.options.includes('ro'))) return yes
  const cover = covers.find((one) => one.cover !== undefined)?.cover
  return no(
    cover === undefined
      ? 'no writable procfs is mounted here'
      : `${cover} is masked here, and the kernel gives a user namespace no fuller /proc than it came from`,
    'run outside the container, or give it an unmasked /proc (podman: --security-opt unmask=ALL; docker: --security-opt systempaths=unconfined)',
  )
}

function findCover(instance: MountEntry, mounts: readonly MountEntry[]): string | undefined {
  const children = mounts.filter((mount) => mount.parent === instance.id)
  return children
    .map((mount) => mount.mountPoint)
    .find((path) => !EMPTY_DIRECTORIES.some((end) => path === instance.mountPoint + end))
}
