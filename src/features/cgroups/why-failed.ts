import { DIRECTORY_REASONS, GENERAL_REASONS, writeReasons } from './why-failed-reasons.ts'
import type { Reason } from './why-failed-reasons.ts'

/**
 * What an error number means for a write of this value to this file of a group, in words that go on from "because"; undefined when the
 * kernel has nothing special to say by it. Sources: cgroup-v2.rst, cgroup-v1/*.rst, and the write functions of the controllers.
 */
export function whyFailed(path: string, value: string, errno: string): string | undefined {
  const file = path.slice(path.lastIndexOf('/') + 1)
  const rows = writeReasons()
    .filter(([files]) => files.test(file))
    .map(([, reasons]) => reasons[errno])
  const reason = rows.find((found) => found !== undefined) ?? GENERAL_REASONS[errno]
  return reason && wordsOf(reason, value)
}

/** The same for making or removing the directory of a group. */
export function whyDirectoryFailed(operation: 'mkdir' | 'rmdir', errno: string): string | undefined {
  return DIRECTORY_REASONS[operation][errno]
}

const wordsOf = (reason: Reason, value: string): string => (typeof reason === 'string' ? reason : reason(value))
