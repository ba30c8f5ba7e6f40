import { type NameOf, choiceSet, flagSet } from '../constant-set.ts'

/** Commands of fcntl(2). */
export const FCNTL = choiceSet('FcntlCommand', 'linux/fcntl.h', () => ({
  F_DUPFD: 0,
  F_GETFD: 1,
  F_SETFD: 2,
  F_GETFL: 3,
  F_SETFL: 4,
  F_GETLK: 5,
  F_SETLK: 6,
  F_SETLKW: 7,
  F_SETOWN: 8,
  F_GETOWN: 9,
  F_SETSIG: 10,
  F_GETSIG: 11,
  F_SETOWN_EX: 15,
  F_GETOWN_EX: 16,
  F_GETOWNER_UIDS: 17,
  F_OFD_GETLK: 36,
  F_OFD_SETLK: 37,
  F_OFD_SETLKW: 38,
  F_SETLEASE: 1024,
  F_GETLEASE: 1025,
  F_CANCELLK: 1029,
  F_DUPFD_CLOEXEC: 1030,
  F_NOTIFY: 1026,
  F_SETPIPE_SZ: 1031,
  F_GETPIPE_SZ: 1032,
  F_ADD_SEALS: 1033,
  F_GET_SEALS: 1034,
  F_GET_RW_HINT: 1035,
  F_SET_RW_HINT: 1036,
  F_GET_FILE_RW_HINT: 1037,
  F_SET_FILE_RW_HINT: 1038,
  F_DUPFD_QUERY: 1027, // Linux 6.10
  F_CREATED_QUERY: 1028, // Linux 6.12
}))
export type FcntlCommand = NameOf<typeof FCNTL>

/** Descriptor flags of F_SETFD. */
export const FD_FLAGS = flagSet('FdFlag', 'fcntl.h', () => ({
  FD_CLOEXEC: 1,
}))
export type FdFlag = NameOf<typeof FD_FLAGS>

/** Seals of a memfd (F_ADD_SEALS). */
export const SEALS = flagSet('SealFlag', 'linux/fcntl.h', () => ({
  F_SEAL_SEAL: 1,
  F_SEAL_SHRINK: 2,
  F_SEAL_GROW: 4,
  F_SEAL_WRITE: 8,
  F_SEAL_FUTURE_WRITE: 0x10,
  F_SEAL_EXEC: 0x20, // Linux 6.3
}))
export type SealFlag = NameOf<typeof SEALS>

/** Whom F_SETOWN_EX means. */
export const F_OWNER = choiceSet('OwnerType', 'linux/fcntl.h', () => ({
  F_OWNER_TID: 0,
  F_OWNER_PID: 1,
  F_OWNER_PGRP: 2,
}))
export type OwnerType = NameOf<typeof F_OWNER>
