import type { Arch } from './arch.ts'
import { textIn } from './memory-fields.ts'
import { STATMOUNT_STRUCT } from './structs/mounts.ts'
import type { StatmountHeaderDecoded } from './generated/signatures.ts'

/** Fields of struct statmount that are offsets of strings behind it. */
const STRINGS = ['fs_type', 'mnt_root', 'mnt_point', 'mnt_opts', 'fs_subtype', 'sb_source'] as const

/** Bits of `mask` that say which of them are there. */
const PRESENT = {
  fs_type: 'STATMOUNT_FS_TYPE',
  mnt_root: 'STATMOUNT_MNT_ROOT',
  mnt_point: 'STATMOUNT_MNT_POINT',
  mnt_opts: 'STATMOUNT_MNT_OPTS',
  fs_subtype: 'STATMOUNT_FS_SUBTYPE',
  sb_source: 'STATMOUNT_SB_SOURCE',
} as const

/** What statmount(2) told: the numbers, and the strings that were asked for and are known. */
export type Statmount = Omit<StatmountHeaderDecoded, (typeof STRINGS)[number]> &
  Partial<Record<(typeof STRINGS)[number], string>>

/** Reads what statmount(2) wrote. */
export function decodeStatmount(bytes: Uint8Array, arch: Arch = 'x64'): Statmount {
  const size = STATMOUNT_STRUCT.size(arch)
  const decoded = STATMOUNT_STRUCT.decode(bytes, 0, arch)
  const mask = (decoded['mask'] ?? []) as readonly unknown[]
  for (const name of STRINGS) {
    const offset = Number(decoded[name] ?? 0)
    if (mask.includes(PRESENT[name])) decoded[name] = textIn(bytes.subarray(size + offset))
    else delete decoded[name]
  }
  return decoded as unknown as Statmount
}
