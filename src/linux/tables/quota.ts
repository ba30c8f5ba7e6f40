import { type NameOf, choiceSet } from '../constant-set.ts'

/** Commands of quotactl(2); `(command << 8) | type` is its argument. */
export const QUOTA = choiceSet('QuotaCommand', 'linux/quota.h', () => ({
  Q_SYNC: 0x800001,
  Q_QUOTAON: 0x800002,
  Q_QUOTAOFF: 0x800003,
  Q_GETFMT: 0x800004,
  Q_GETINFO: 0x800005,
  Q_SETINFO: 0x800006,
  Q_GETQUOTA: 0x800007,
  Q_SETQUOTA: 0x800008,
  Q_GETNEXTQUOTA: 0x800009,
}))
export type QuotaCommand = NameOf<typeof QUOTA>

/** Whose quota is meant. */
export const QUOTA_TYPE = choiceSet(
  'QuotaType',
  'linux/quota.h',
  () => ({
    USRQUOTA: 0,
    GRPQUOTA: 1,
    PRJQUOTA: 2,
  }),
  { isEnum: true },
)
export type QuotaType = NameOf<typeof QUOTA_TYPE>
