import { type NameOf, choiceSet, flagSet } from '../constant-set.ts'

/** What statmount(2) is asked for. */
export const STATMOUNT = flagSet('StatmountMask', 'linux/mount.h', () => ({
  STATMOUNT_SB_BASIC: 1, // Linux 6.8
  STATMOUNT_MNT_BASIC: 2, // Linux 6.8
  STATMOUNT_PROPAGATE_FROM: 4, // Linux 6.8
  STATMOUNT_MNT_ROOT: 8, // Linux 6.8
  STATMOUNT_MNT_POINT: 0x10, // Linux 6.8
  STATMOUNT_FS_TYPE: 0x20, // Linux 6.8
  STATMOUNT_MNT_NS_ID: 0x40, // Linux 6.10
  STATMOUNT_MNT_OPTS: 0x80, // Linux 6.11
  STATMOUNT_FS_SUBTYPE: 0x100, // Linux 6.13
  STATMOUNT_SB_SOURCE: 0x200, // Linux 6.13
  STATMOUNT_OPT_ARRAY: 0x400, // Linux 6.13
  STATMOUNT_OPT_SEC_ARRAY: 0x800, // Linux 6.13
  STATMOUNT_SUPPORTED_MASK: 0x1000, // Linux 6.15
  STATMOUNT_MNT_UIDMAP: 0x2000, // Linux 6.15
  STATMOUNT_MNT_GIDMAP: 0x4000, // Linux 6.15
}))
export type StatmountMask = NameOf<typeof STATMOUNT>

/** Flags of listmount(2). */
export const LISTMOUNT = flagSet('ListmountFlag', 'linux/mount.h', () => ({
  LISTMOUNT_REVERSE: 1, // Linux 6.11
}))
export type ListmountFlag = NameOf<typeof LISTMOUNT>

/** The root of the mount namespace as a mount id. */
export const LSMT = choiceSet('ListmountRoot', 'linux/mount.h', () => ({
  LSMT_ROOT: -1, // Linux 6.8
}))
export type ListmountRoot = NameOf<typeof LSMT>
