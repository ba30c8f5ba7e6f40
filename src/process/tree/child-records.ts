import { InvalidInputError } from '../../base/errors.ts'
import type { CallOptions } from '../../linux/call-options.ts'
import { checkOption } from './agent-options.ts'
import type { Member } from './member.ts'

/** What is known of a child that has not ended. */
export interface ChildRecord {
  /** Its pid as its parent sees it */
  readonly pid: number
  /** Its pid as this process sees it */
  readonly hostPid: number | undefined
  /** Whether it is a program by now */
  readonly execed: boolean
  /** What it gets when the connection to its parent ends: a signal, 0 for nothing */
  readonly signaloneof: number
  /** Bytes that are still read of its output, once it is a program; -1: all */
  readonly flowcontrol: number
}

/** What can be set for one child. */
export type ChildOption = 'signaloneof' | 'flowcontrol'

/** The children of a process that have not ended. */
export function childRecords(parent: Member): readonly ChildRecord[] {
  return parent.children.list().map(({ child, member }) => ({
    pid: child.pid,
    hostPid: child.hostPid,
    execed: member?.state === 'spent',
    signaloneof: child.signaloneof ?? parent.options.get('signaloneof'),
    flowcontrol: member?.process?.flowcontrol ?? member?.options.get('flowcontrol') ?? -1,
  }))
}

/** Sets something for one child; false when there is no such child. @throws InvalidInputError, SyscallError EOPNOTSUPP */
export async function setChild(
  parent: Member,
  pid: number,
  { name, value }: { readonly name: ChildOption; readonly value: number },
  options?: CallOptions,
): Promise<boolean> {
  if (name !== 'signaloneof' && name !== 'flowcontrol') {
    throw new InvalidInputError('A child has signaloneof and flowcontrol to be set', { field: 'name' })
  }
  checkOption(name, value)
  const found = parent.children.get(pid)
  if (name === 'signaloneof') {
    if (!found) return false
    if (!(await parent.orphan(pid, value, options))) return false
    found.child.signaloneof = value
    return true
  }
  found?.member?.options.set('flowcontrol', value)
  found?.member?.process?.setCredit(value < 0 ? Infinity : value)
  return found !== undefined
}
