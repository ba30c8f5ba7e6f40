import { type NameOf, flagSet } from '../constant-set.ts'

/** Execution domains of personality(2). */
export const PERSONALITY = flagSet(
  'PersonalityFlag',
  'linux/personality.h',
  () => ({
    PER_LINUX: 0,
    PER_LINUX32: 8,
    PER_MASK: 0xff,
    UNAME26: 0x20000,
    ADDR_NO_RANDOMIZE: 0x40000,
    FDPIC_FUNCPTRS: 0x80000,
    MMAP_PAGE_ZERO: 0x100000,
    ADDR_COMPAT_LAYOUT: 0x200000,
    READ_IMPLIES_EXEC: 0x400000,
    ADDR_LIMIT_32BIT: 0x800000,
    SHORT_INODE: 0x1000000,
    WHOLE_SECONDS: 0x2000000,
    STICKY_TIMEOUTS: 0x4000000,
    ADDR_LIMIT_3GB: 0x8000000,
  }),
  { field: 0xff, isEnum: true },
)
export type PersonalityFlag = NameOf<typeof PERSONALITY>
