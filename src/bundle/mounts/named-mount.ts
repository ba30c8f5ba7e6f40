import type { MountAttr } from '../../linux/tables/mount.ts'
import type { Program } from '../../program/builder.ts'
import { makeTarget, type Root } from '../root/root.ts'
import { type PlannedMount, type MountInput, mustBePlain } from './mount-facts.ts'
import { flagOfAttribute, newMountAttributes } from './mount-options.ts'
import { spreadSteps } from './attributes.ts'

/**
 * Mounts any other file system, by mount(2): fsconfig(2) takes no option longer than 255 bytes, which the layers of an overlay exceed.
 * The target is the working directory, so that it is given by descriptor here too.
 */
export function namedMount(p: Program, root: Root, planned: PlannedMount, { config }: MountInput): void {
  const { mount, destination, options } = planned
  const target = makeTarget(p, root, destination, 'directory', { noSymlinks: mustBePlain(planned) })
  p.fchdir(target)
  p.close(target)
  const attributes: readonly MountAttr[] = newMountAttributes(options)
  const label = config.linux?.mountLabel
  const data = [...options.data, ...(label === undefined ? [] : [`context="${label}"`])]
  const flags = [...options.flags, ...attributes.map(flagOfAttribute)]
  p.mount(mount.source ?? mount.type ?? '', '.', mount.type ?? '', flags, data.length > 0 ? data.join(',') : null)
  p.chdir('/')
  if (options.propagation.length === 0) return
  const fd = makeTarget(p, root, destination, 'directory')
  spreadSteps(p, fd, options)
  p.close(fd)
}
