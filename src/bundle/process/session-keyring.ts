import type { Program } from '../../program/builder.ts'

/**
 * What the kernel gives a session keyring that is joined by name (KEY_POS_ALL without SETATTR, KEY_USR_VIEW, READ and LINK), and
 * KEY_USR_SEARCH, without which `exec` could not join it after a change of user (keyctl_join_session_keyring(3)).
 */
const PERMISSIONS = 0x3f1b_0000

/** A session keyring of the container's own: keys of the caller's session are not its business. */
export function keyringSteps(p: Program, id: string): void {
  p.because('process', 'Keys of the caller’s session are none of the container’s; ENOSYS: a kernel without keys')
  const keyring = p.tolerate('ENOSYS').keyctl('KEYCTL_JOIN_SESSION_KEYRING', `_ses.${id}`, 0, 0, 0)
  // EACCES: it was there already, and belongs to another user of the container.
  p.tolerate('ENOSYS', 'EACCES').keyctl('KEYCTL_SETPERM', keyring, PERMISSIONS, 0, 0)
}
