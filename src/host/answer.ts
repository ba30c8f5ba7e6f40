import type { Answer } from './facts.ts'

export const yes: Answer = { ok: true }

export const no = (reason: string, remedy: string): Answer => ({ ok: false, reason, remedy })
