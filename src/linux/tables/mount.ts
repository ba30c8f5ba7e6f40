import { type NameOf, choiceSet, flagSet } from '../constant-set.ts'

/** Flags of mount(2); those after MS_LAZYTIME belong to the kernel, which ignores them in a call. */
export const MS = flagSet('MountFlag', 'linux/mount.h', () => ({
  MS_RDONLY: 1,
  MS_NOSUID: 2,
  MS_NODEV: 4,
  MS_NOEXEC: 8,
  MS_SYNCHRONOUS: 0x10,
  MS_REMOUNT: 0x20,
  MS_MANDLOCK: 0x40,
  MS_DIRSYNC: 0x80,
  MS_NOSYMFOLLOW: 0x100,
  MS_NOATIME: 0x400,
  MS_NODIRATIME: 0x800,
  MS_BIND: 0x1000,
  MS_MOVE: 0x2000,
  MS_REC: 0x4000,
  MS_SILENT: 0x8000,
  MS_POSIXACL: 0x10000,
  MS_UNBINDABLE: 0x20000,
  MS_PRIVATE: 0x40000,
  MS_SLAVE: 0x80000,
  MS_SHARED: 0x100000,
  MS_RELATIME: 0x200000,
  MS_KERNMOUNT: 0x400000,
  MS_I_VERSION: 0x800000,
  MS_STRICTATIME: 0x1000000,
  MS_LAZYTIME: 0x2000000,
  MS_SUBMOUNT: 0x4000000,
  MS_NOREMOTELOCK: 0x8000000,
  MS_NOSEC: 0x10000000,
  MS_BORN: 0x20000000,
  MS_ACTIVE: 0x40000000,
  MS_NOUSER: 0x80000000,
  MS_VERBOSE: 0x8000,
}))
export type MountFlag = NameOf<typeof MS>

/** What MS_REMOUNT may change, and the magic number that mount(2) wanted in the upper half of its flags before Linux 2.4. */
export const MS_MASKS = choiceSet('MountMask', 'linux/mount.h', () => ({
  MS_RMT_MASK: 0x2800051,
  MS_MGC_VAL: 0xc0ed0000,
  MS_MGC_MSK: 0xffff0000,
}))
export type MountMask = NameOf<typeof MS_MASKS>

/** Flags of umount2(2). */
export const UMOUNT = flagSet('UmountFlag', 'sys/mount.h', () => ({
  MNT_FORCE: 1,
  MNT_DETACH: 2,
  MNT_EXPIRE: 4,
  UMOUNT_NOFOLLOW: 8,
}))
export type UmountFlag = NameOf<typeof UMOUNT>

/** Attributes of a mount: mount_setattr(2), fsmount(2). */
export const MOUNT_ATTR = flagSet('MountAttr', 'linux/mount.h', () => ({
  MOUNT_ATTR_RDONLY: 1,
  MOUNT_ATTR_NOSUID: 2,
  MOUNT_ATTR_NODEV: 4,
  MOUNT_ATTR_NOEXEC: 8,
  MOUNT_ATTR__ATIME: 0x70,
  MOUNT_ATTR_NOATIME: 0x10,
  MOUNT_ATTR_STRICTATIME: 0x20,
  MOUNT_ATTR_NODIRATIME: 0x80,
  MOUNT_ATTR_IDMAP: 0x100000,
  MOUNT_ATTR_NOSYMFOLLOW: 0x200000,
  MOUNT_ATTR_RELATIME: 0,
}))
export type MountAttr = NameOf<typeof MOUNT_ATTR>

/** Flags of open_tree(2), which takes some of `AtFlag` too. */
export const OPEN_TREE = flagSet('OpenTreeFlag', 'linux/mount.h', () => ({
  OPEN_TREE_CLONE: 1,
  OPEN_TREE_CLOEXEC: 0o2000000,
  AT_SYMLINK_NOFOLLOW: 0x100,
  AT_NO_AUTOMOUNT: 0x800,
  AT_EMPTY_PATH: 0x1000,
  AT_RECURSIVE: 0x8000,
}))
export type OpenTreeFlag = NameOf<typeof OPEN_TREE>

/** Flags of move_mount(2). */
export const MOVE_MOUNT = flagSet('MoveMountFlag', 'linux/mount.h', () => ({
  MOVE_MOUNT_F_SYMLINKS: 1,
  MOVE_MOUNT_F_AUTOMOUNTS: 2,
  MOVE_MOUNT_F_EMPTY_PATH: 4,
  MOVE_MOUNT_T_SYMLINKS: 0x10,
  MOVE_MOUNT_T_AUTOMOUNTS: 0x20,
  MOVE_MOUNT_T_EMPTY_PATH: 0x40,
  MOVE_MOUNT_SET_GROUP: 0x100,
  MOVE_MOUNT_BENEATH: 0x200, // Linux 6.5
}))
export type MoveMountFlag = NameOf<typeof MOVE_MOUNT>

/** Flags of fsopen(2). */
export const FSOPEN = flagSet('FsopenFlag', 'linux/mount.h', () => ({
  FSOPEN_CLOEXEC: 1,
}))
export type FsopenFlag = NameOf<typeof FSOPEN>

/** Commands of fsconfig(2). */
export const FSCONFIG = choiceSet(
  'FsconfigCommand',
  'linux/mount.h',
  () => ({
    FSCONFIG_SET_FLAG: 0,
    FSCONFIG_SET_STRING: 1,
    FSCONFIG_SET_BINARY: 2,
    FSCONFIG_SET_PATH: 3,
    FSCONFIG_SET_PATH_EMPTY: 4,
    FSCONFIG_SET_FD: 5,
    FSCONFIG_CMD_CREATE: 6,
    FSCONFIG_CMD_RECONFIGURE: 7,
  }),
  { isEnum: true },
)
export type FsconfigCommand = NameOf<typeof FSCONFIG>

/** Flags of fsmount(2). */
export const FSMOUNT = flagSet('FsmountFlag', 'linux/mount.h', () => ({
  FSMOUNT_CLOEXEC: 1,
}))
export type FsmountFlag = NameOf<typeof FSMOUNT>

/** Flags of fspick(2). */
export const FSPICK = flagSet('FspickFlag', 'linux/mount.h', () => ({
  FSPICK_CLOEXEC: 1,
  FSPICK_SYMLINK_NOFOLLOW: 2,
  FSPICK_NO_AUTOMOUNT: 4,
  FSPICK_EMPTY_PATH: 8,
}))
export type FspickFlag = NameOf<typeof FSPICK>
