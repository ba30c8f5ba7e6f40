import type { Call } from '../call.ts'
import { structInSized } from '../memory-params.ts'
import { choice, dirfd, fd, flags, int, nullable, path, text } from '../params.ts'
import { fsconfigValue } from '../fsconfig-value.ts'
import { FD, NONE } from '../results.ts'
import { MOUNT_ATTR_STRUCT } from '../structs/files.ts'
import { FSCONFIG, FSMOUNT, FSOPEN, FSPICK, MOUNT_ATTR, MOVE_MOUNT, MS, OPEN_TREE, UMOUNT } from '../tables/mount.ts'

/** Mounts, by path and by descriptor. */
export const MOUNT_CALLS = {
  mount: () => ({
    name: 'mount',
    about:
      'Mounts, binds, moves or changes a mount by path. EPERM (locked flags, mount_too_revealing), EBUSY, EINVAL, ENODEV',
    params: [
      nullable(path('source')),
      path('target'),
      nullable(text('filesystemtype')),
      flags(MS, 'mountflags'),
      nullable(text('data')),
    ],
    result: NONE,
  }),
  umount2: () => ({
    name: 'umount2',
    about: 'Takes a mount away. EBUSY without MNT_DETACH, EINVAL when it is no mount or locked',
    params: [path('target'), flags(UMOUNT)],
    result: NONE,
  }),
  pivot_root: () => ({
    name: 'pivot_root',
    about: 'Makes a mount the root and puts the old root below `put_old`. EINVAL (shared parent, no mount), EBUSY',
    params: [path('new_root'), path('put_old')],
    result: NONE,
  }),
  open_tree: () => ({
    name: 'open_tree',
    about: 'A descriptor for a mount, or for a detached copy of it with OPEN_TREE_CLONE (5.2). EINVAL, EPERM',
    params: [dirfd(), path('filename'), flags(OPEN_TREE)],
    result: FD,
  }),
  open_tree_attr: () => ({
    name: 'open_tree_attr',
    about: 'open_tree that changes the attributes of the copy in the same step, also of an idmapped mount (6.15)',
    params: [dirfd(), path('filename'), flags(OPEN_TREE), structInSized(MOUNT_ATTR_STRUCT, 'attr')],
    result: FD,
  }),
  move_mount: () => ({
    name: 'move_mount',
    about:
      'Attaches a detached mount, or moves one (5.2). EINVAL, EBUSY, ENOTDIR when one is a file and the other a directory',
    params: [dirfd('from_dirfd'), path('from_pathname'), dirfd('to_dirfd'), path('to_pathname'), flags(MOVE_MOUNT)],
    result: NONE,
  }),
  fsopen: () => ({
    name: 'fsopen',
    about: "A context for a new file system (5.2); reading the descriptor gives the kernel's messages. ENODEV, EPERM",
    params: [text('fsname'), flags(FSOPEN)],
    result: FD,
  }),
  fsconfig: () => ({
    name: 'fsconfig',
    about: 'Sets an option of a file system context, or creates it (5.2). EINVAL (unknown option), EBUSY',
    params: [fd(), choice(FSCONFIG, 'cmd'), nullable(text('key')), fsconfigValue, int('aux')],
    result: NONE,
  }),
  fsmount: () => ({
    name: 'fsmount',
    about: 'A detached mount of a created file system (5.2). EPERM (mount_too_revealing), EBUSY',
    params: [fd('fsfd'), flags(FSMOUNT), flags(MOUNT_ATTR, 'attr_flags')],
    result: FD,
  }),
  fspick: () => ({
    name: 'fspick',
    about: 'A context to reconfigure a mounted file system (5.2). EINVAL, EPERM',
    params: [dirfd(), path('path'), flags(FSPICK)],
    result: FD,
  }),
  mount_setattr: () => ({
    name: 'mount_setattr',
    about:
      'Changes attributes and propagation of a mount, with AT_RECURSIVE of all below it (5.12). EPERM (locked flags), EINVAL',
    params: [dirfd(), path('pathname'), flags(OPEN_TREE), structInSized(MOUNT_ATTR_STRUCT, 'attr')],
    result: NONE,
  }),
} satisfies Record<string, () => Call>
