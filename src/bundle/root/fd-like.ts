import type { Fd, Ref } from '../../linux/ref.ts'

/** A descriptor of the process: known, or the result of an earlier step of the same program. */
export type FdLike = Ref<Fd> | number
