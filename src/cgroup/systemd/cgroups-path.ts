import { InvalidInputError } from '../../base/errors.ts'
import type { ManagerKind } from './bus-places.ts'
import { checkUnitName, slicePath } from './unit-name.ts'

/** A place for a container's scope, as engines that use systemd give it. */
export interface ScopePlace {
  /** `machine-qemu.slice` */
  readonly slice: string
  /** `libpod-1234.scope` */
  readonly unit: string
  /** Where the scope's group is, below the root of the manager's own: `/machine.slice/machine-qemu.slice/libpod-1234.scope` */
  readonly path: string
}

/** Where units go when nobody says. */
export const defaultSlice = (kind: ManagerKind): string => (kind === 'system' ? 'system.slice' : 'user.slice')

/**
 * `linux.cgroupsPath` in the form that `--systemd-cgroup` gives it: `slice:prefix:name`. Without a slice it is the manager's usual
 * one; prefix and name become `prefix-name.scope`.
 * @throws InvalidInputError
 */
export function parseCgroupsPath(cgroupsPath: string, kind: ManagerKind): ScopePlace {
  const field = 'linux.cgroupsPath'
  const parts = typeof cgroupsPath === 'string' ? cgroupsPath.split(':') : []
  const [given = '', prefix = '', name = ''] = parts
  if (parts.length !== 3 || name === '') {
    throw new InvalidInputError(
      `${field} must be "slice:prefix:name" where systemd makes the group, not ${JSON.stringify(cgroupsPath)}`,
      { field },
    )
  }
  if (name.endsWith('.slice')) {
    throw new InvalidInputError(
      `${field} must name a scope: a slice such as ${name} holds other units, and no processes`,
      { field },
    )
  }
  const slice = given === '' ? defaultSlice(kind) : given
  const unit = `${prefix === '' ? '' : `${prefix}-`}${name}.scope`
  checkUnitName(unit, 'scope', field)
  return { slice, unit, path: `${slicePath(slice, field)}/${unit}` }
}
