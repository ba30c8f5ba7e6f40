import type { HugepageLimit } from '../resources.ts'
import {
  type FileValue,
  hasFile,
  numberOrMax,
  type Translation,
  type TranslationContext,
  type Translator,
} from './translation.ts'

/** Files of the hugetlb controller of cgroup v1. */
export const hugetlbV1: Translator = ({ hugepageLimits = [] }, context) =>
  hugepageLimits.flatMap((limit) => limitOf(limit, 'limit_in_bytes', String(limit.limit), context))

/** Files of the hugetlb controller of cgroup v2. */
export const hugetlbV2: Translator = ({ hugepageLimits = [] }, context) =>
  hugepageLimits.flatMap((limit) => limitOf(limit, 'max', numberOrMax(limit.limit), context))

/** Pages in use and, since Linux 5.7, pages reserved: only the second kind fails at mmap(2) instead of by SIGBUS. */
function limitOf(
  { pageSize }: HugepageLimit,
  suffix: string,
  value: string,
  context: TranslationContext,
): Translation[] {
  const asks = [`hugepageLimits.${pageSize}`]
  const used: FileValue = { asks, file: `hugetlb.${pageSize}.${suffix}`, value, because: 'bounds huge pages in use' }
  if (hasFile(context, used.file) === false) {
    const sizes = sizesIn(context.files ?? [])
    return [
      {
        asks,
        reason: `this machine has no huge pages of ${pageSize}`,
        remedy: sizes.length ? `choose from ${sizes.join(', ')}` : 'use a kernel that has them',
      },
    ]
  }
  const file = `hugetlb.${pageSize}.rsvd.${suffix}`
  return [used, { asks, file, value, because: 'bounds huge pages reserved (Linux 5.7)', optional: true }]
}

/** Page sizes in the names of files. */
function sizesIn(files: readonly string[]): string[] {
  return [...new Set(files.flatMap((file) => /^hugetlb\.(\d+[KMG]B)\./.exec(file)?.[1] ?? []))]
}
