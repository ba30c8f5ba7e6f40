import { type NameOf, choiceSet, flagSet } from '../constant-set.ts'

/** Flags of landlock_create_ruleset(2). */
export const LANDLOCK_CREATE = flagSet('LandlockCreateFlag', 'linux/landlock.h', () => ({
  LANDLOCK_CREATE_RULESET_VERSION: 1,
  LANDLOCK_CREATE_RULESET_ERRATA: 2, // Linux 6.15
}))
export type LandlockCreateFlag = NameOf<typeof LANDLOCK_CREATE>

/** Kinds of rules of landlock_add_rule(2). */
export const LANDLOCK_RULE = choiceSet(
  'LandlockRuleType',
  'linux/landlock.h',
  () => ({
    LANDLOCK_RULE_PATH_BENEATH: 1,
    LANDLOCK_RULE_NET_PORT: 2, // Linux 6.7
  }),
  { isEnum: true, newer: ['LANDLOCK_RULE_NET_PORT'] },
)
export type LandlockRuleType = NameOf<typeof LANDLOCK_RULE>

/** Flags of landlock_restrict_self(2). */
export const LANDLOCK_RESTRICT = flagSet('LandlockRestrictFlag', 'linux/landlock.h', () => ({
  LANDLOCK_RESTRICT_SELF_LOG_SAME_EXEC_OFF: 1, // Linux 6.15
  LANDLOCK_RESTRICT_SELF_LOG_NEW_EXEC_ON: 2, // Linux 6.15
  LANDLOCK_RESTRICT_SELF_LOG_SUBDOMAINS_OFF: 4, // Linux 6.15
}))
export type LandlockRestrictFlag = NameOf<typeof LANDLOCK_RESTRICT>

/** File accesses that Landlock governs. */
export const LANDLOCK_ACCESS_FS = flagSet('LandlockAccessFs', 'linux/landlock.h', () => ({
  LANDLOCK_ACCESS_FS_EXECUTE: 1,
  LANDLOCK_ACCESS_FS_WRITE_FILE: 2,
  LANDLOCK_ACCESS_FS_READ_FILE: 4,
  LANDLOCK_ACCESS_FS_READ_DIR: 8,
  LANDLOCK_ACCESS_FS_REMOVE_DIR: 0x10,
  LANDLOCK_ACCESS_FS_REMOVE_FILE: 0x20,
  LANDLOCK_ACCESS_FS_MAKE_CHAR: 0x40,
  LANDLOCK_ACCESS_FS_MAKE_DIR: 0x80,
  LANDLOCK_ACCESS_FS_MAKE_REG: 0x100,
  LANDLOCK_ACCESS_FS_MAKE_SOCK: 0x200,
  LANDLOCK_ACCESS_FS_MAKE_FIFO: 0x400,
  LANDLOCK_ACCESS_FS_MAKE_BLOCK: 0x800,
  LANDLOCK_ACCESS_FS_MAKE_SYM: 0x1000,
  LANDLOCK_ACCESS_FS_REFER: 0x2000,
  LANDLOCK_ACCESS_FS_IOCTL_DEV: 0x8000, // Linux 6.10
}))
export type LandlockAccessFs = NameOf<typeof LANDLOCK_ACCESS_FS>

/** Network accesses that Landlock governs. */
export const LANDLOCK_ACCESS_NET = flagSet('LandlockAccessNet', 'linux/landlock.h', () => ({
  LANDLOCK_ACCESS_NET_BIND_TCP: 1, // Linux 6.7
  LANDLOCK_ACCESS_NET_CONNECT_TCP: 2, // Linux 6.7
}))
export type LandlockAccessNet = NameOf<typeof LANDLOCK_ACCESS_NET>

/** What Landlock confines to its own domain. */
export const LANDLOCK_SCOPE = flagSet('LandlockScope', 'linux/landlock.h', () => ({
  LANDLOCK_SCOPE_ABSTRACT_UNIX_SOCKET: 1, // Linux 6.12
  LANDLOCK_SCOPE_SIGNAL: 2, // Linux 6.12
}))
export type LandlockScope = NameOf<typeof LANDLOCK_SCOPE>
