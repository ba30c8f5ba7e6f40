import { UnsupportedError } from '../../base/errors.ts'
import type { Fd, Ref } from '../../linux/ref.ts'
import type { Program } from '../../program/builder.ts'
import type { Process } from '../spec.ts'
import { writeProcfs } from './procfs.ts'

/** Whether the process asks for something of a security module, so that the active ones must be known. */
export const usesSecurityModule = ({ apparmorProfile, selinuxLabel }: Process): boolean =>
  Boolean(apparmorProfile) || Boolean(selinuxLabel)

/**
 * The labels that the next exec takes on. Written through the host's procfs and checked to be files of it: a container that mounts
 * something over its /proc/self/attr would otherwise run unconfined (CVE-2019-16884).
 * @throws UnsupportedError when the module is not active
 */
export function labelSteps(
  p: Program,
  { apparmorProfile, selinuxLabel }: Process,
  proc: Ref<Fd> | number,
  modules: readonly string[],
): void {
  if (apparmorProfile) {
    need(modules, 'apparmor', '/process/apparmorProfile')
    p.because('process', 'The AppArmor profile of the program, from its exec on')
    // A directory of its own since modules can be stacked (Linux 5.8); every baseline kernel has it.
    writeProcfs(p, proc, 'thread-self/attr/apparmor/exec', `exec ${apparmorProfile}`)
  }
  if (!selinuxLabel) return
  need(modules, 'selinux', '/process/selinuxLabel')
  p.because('process', 'The SELinux label of the program, from its exec on')
  writeProcfs(p, proc, 'thread-self/attr/exec', selinuxLabel)
}

/** Keys of the session belong to the label of the program. */
export function keyLabelSteps(p: Program, { selinuxLabel }: Process, proc: Ref<Fd> | number): void {
  if (!selinuxLabel) return
  p.because('process', 'The SELinux label of keys that this process makes')
  writeProcfs(p, proc, 'thread-self/attr/keycreate', selinuxLabel)
}

function need(modules: readonly string[], name: string, field: string): void {
  if (modules.includes(name)) return
  throw new UnsupportedError(`${field} is given, but the kernel runs without ${name}`, {
    fact: `security module ${name}`,
    remedy: `take the field out, or boot with lsm=…,${name}`,
  })
}
