import type { Answer } from '../host/facts.ts'

/** One feature of the host. */
export interface DoctorRow {
  readonly section: string
  readonly name: string
  readonly answer: Answer
  /** Whether no sandbox can be made without it */
  readonly needed: boolean
  /** What is there, when it is */
  readonly detail: string
}

/** A yes, or a no with its reason and what would make it a yes. */
export const answerOf = (ok: boolean, reason: string, remedy: string): Answer => (ok ? { ok } : { ok, reason, remedy })
