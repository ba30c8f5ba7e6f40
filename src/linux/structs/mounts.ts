import { array } from '../memory-fields.ts'
import { count64, derived, fd32, flags, i32, reserved, u32, u64 } from '../scalar-fields.ts'
import { struct } from '../struct.ts'
import { MOUNT_ATTR, MS } from '../tables/mount.ts'
import { STATMOUNT } from '../tables/statmount.ts'

/** Which mount statmount(2) and listmount(2) mean; `param` is the STATMOUNT_ mask, or the id after which a list goes on. */
export const MNT_ID_REQ = struct(
  'mnt_id_req',
  'linux/mount.h',
  () => [
    ['size', derived(u32, () => 24)],
    ['mnt_ns_fd', fd32],
    ['mnt_id', u64],
    ['param', u64],
  ],
  { since: 'MNT_ID_REQ_SIZE_VER0', partial: true, union: true },
)

/** The fixed part of what statmount(2) tells; the offsets point into the strings that follow it. */
export const STATMOUNT_STRUCT = struct(
  'statmount',
  'linux/mount.h',
  () => [
    ['size', u32],
    ['mnt_opts', u32],
    ['mask', flags(8, STATMOUNT)],
    ['sb_dev_major', u32],
    ['sb_dev_minor', u32],
    ['sb_magic', u64],
    ['sb_flags', u32],
    ['fs_type', u32],
    ['mnt_id', u64],
    ['mnt_parent_id', u64],
    ['mnt_id_old', u32],
    ['mnt_parent_id_old', u32],
    ['mnt_attr', flags(8, MOUNT_ATTR)],
    ['mnt_propagation', flags(8, MS)],
    ['mnt_peer_group', u64],
    ['mnt_master', u64],
    ['propagate_from', u64],
    ['mnt_root', u32],
    ['mnt_point', u32],
    ['mnt_ns_id', u64],
    ['fs_subtype', u32],
    ['sb_source', u32],
    ['opt_num', u32],
    ['opt_array', u32],
    ['opt_sec_num', u32],
    ['opt_sec_array', u32],
    ['supported_mask', flags(8, STATMOUNT)],
    ['mnt_uidmap_num', u32],
    ['mnt_uidmap', u32],
    ['mnt_gidmap_num', u32],
    ['mnt_gidmap', u32],
    ['__spare2', reserved(8 * 43, 8)],
  ],
  { since: 'STATMOUNT_MNT_GIDMAP', typeName: 'StatmountHeader' },
)

/** A mounted file system (statfs(2)); sizes in blocks of `f_bsize` bytes. */
export const STATFS = struct('statfs', 'asm/statfs.h', () => [
  ['f_type', count64],
  ['f_bsize', count64],
  ['f_blocks', u64],
  ['f_bfree', u64],
  ['f_bavail', u64],
  ['f_files', u64],
  ['f_ffree', u64],
  ['f_fsid', array(i32, 2)],
  ['f_namelen', count64],
  ['f_frsize', count64],
  ['f_flags', count64],
  ['f_spare', reserved(32, 8)],
])

/** The head of a file handle (name_to_handle_at(2)); `handle_bytes` bytes follow. */
export const FILE_HANDLE = struct('file_handle', 'fcntl.h', () => [
  ['handle_bytes', u32],
  ['handle_type', i32],
])

/** Limits and usage of a quota (Q_GETQUOTA); `dqb_valid` says which are meant when setting. */
export const IF_DQBLK = struct(
  'if_dqblk',
  'linux/quota.h',
  () => [
    ['dqb_bhardlimit', u64],
    ['dqb_bsoftlimit', u64],
    ['dqb_curspace', u64],
    ['dqb_ihardlimit', u64],
    ['dqb_isoftlimit', u64],
    ['dqb_curinodes', u64],
    ['dqb_btime', u64],
    ['dqb_itime', u64],
    ['dqb_valid', u32],
  ],
  { typeName: 'DiskQuota' },
)
