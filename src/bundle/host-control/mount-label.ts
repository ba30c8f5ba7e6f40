/** Filesystems of the kernel's own, which carry labels by rules of the policy. */
const UNLABELLED: readonly string[] = ['proc', 'sysfs', 'cgroup', 'cgroup2', 'mqueue', 'none', 'bind', '']

/**
 * The option of a new filesystem that gives all its files the label of `linux.mountLabel`, for fsconfig(2). Bind mounts keep the labels
 * of their source, as with other runtimes.
 */
export function mountLabelOption(
  type: string,
  label: string | undefined,
): { readonly key: 'context'; readonly value: string } | undefined {
  return label && !UNLABELLED.includes(type) ? { key: 'context', value: label } : undefined
}
