import { InvalidInputError } from '../../base/errors.ts'
import type { Program } from '../../program/builder.ts'
import type { User } from '../spec.ts'

/**
 * Groups, gid, uid in this order: the last gives up the right to the others (setresuid(2)).
 * @throws InvalidInputError for groups where the user namespace denies them
 */
export function becomeUserSteps(
  p: Program,
  { uid, gid, additionalGids = [] }: User,
  setgroups: 'allow' | 'deny',
): void {
  p.because('users', 'Groups, gid, uid in this order: the last gives up the right to the others')
  if (setgroups === 'allow') p.setgroups(additionalGids)
  else if (additionalGids.some((each) => each !== gid)) {
    const rule = 'cannot be had: this user namespace denies setgroups (user_namespaces(7)): take them out'
    throw new InvalidInputError(`/process/user/additionalGids ${rule}`, { field: '/process/user/additionalGids' })
  }
  p.setresgid(gid, gid, gid)
  p.setresuid(uid, uid, uid)
}

/** Not owned by the user, a pipe could not be opened again as /dev/stdout. What is no pipe is left alone: it is somebody else's. */
export function stdioOwnerSteps(p: Program, uid: number, descriptors: readonly number[]): void {
  p.because(
    'process',
    'Pipes are the user’s, so that /dev/stdout can be opened; EPERM, EINVAL: an owner that has no id here',
  )
  for (const fd of new Set(descriptors)) {
    const isPipe = p.tolerate('EBADF').fcntl(fd, 'F_GETPIPE_SZ')
    // The kernel reads three arguments; the fourth makes the step depend on the one before.
    p.tolerate('EPERM', 'EINVAL', 'EROFS').syscall('fchown', fd, uid, -1, isPipe)
  }
}
