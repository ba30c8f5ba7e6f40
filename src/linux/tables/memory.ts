import { type NameOf, flagSet } from '../constant-set.ts'

/** Protection of memory. */
export const PROT = flagSet(
  'ProtFlag',
  'linux/mman.h',
  () => ({
    PROT_NONE: 0,
    PROT_READ: 1,
    PROT_WRITE: 2,
    PROT_EXEC: 4,
    PROT_SEM: 8,
    PROT_GROWSDOWN: 0x1000000,
    PROT_GROWSUP: 0x2000000,
  }),
  { namesZero: true },
)
export type ProtFlag = NameOf<typeof PROT>

/** Flags of mmap(2). */
export const MAP = flagSet('MapFlag', 'linux/mman.h', () => ({
  MAP_SHARED: 1,
  MAP_PRIVATE: 2,
  MAP_FIXED: 0x10,
  MAP_ANONYMOUS: 0x20,
  MAP_GROWSDOWN: 0x100,
  MAP_LOCKED: 0x2000,
  MAP_NORESERVE: 0x4000,
  MAP_POPULATE: 0x8000,
  MAP_NONBLOCK: 0x10000,
  MAP_STACK: 0x20000,
  MAP_HUGETLB: 0x40000,
  MAP_SYNC: 0x80000,
  MAP_FIXED_NOREPLACE: 0x100000,
}))
export type MapFlag = NameOf<typeof MAP>

/** Flags of mlockall(2). */
export const MCL = flagSet('MlockallFlag', 'linux/mman.h', () => ({
  MCL_CURRENT: 1,
  MCL_FUTURE: 2,
  MCL_ONFAULT: 4,
}))
export type MlockallFlag = NameOf<typeof MCL>

/** Flags of getrandom(2). */
export const GRND = flagSet('GetrandomFlag', 'linux/random.h', () => ({
  GRND_NONBLOCK: 1,
  GRND_RANDOM: 2,
  GRND_INSECURE: 4,
}))
export type GetrandomFlag = NameOf<typeof GRND>

/** Flags of splice(2). */
export const SPLICE = flagSet('SpliceFlag', 'fcntl.h', () => ({
  SPLICE_F_MOVE: 1,
  SPLICE_F_NONBLOCK: 2,
  SPLICE_F_MORE: 4,
  SPLICE_F_GIFT: 8,
}))
export type SpliceFlag = NameOf<typeof SPLICE>
