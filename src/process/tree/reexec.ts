import { closeSync, openSync } from 'node:fs'
import { AgentError } from '../../base/errors.ts'
import type { CallOptions } from '../../linux/call-options.ts'
import { program } from '../../program/builder.ts'
import { ProgramResult, succeeded } from '../../program/result.ts'
import { reexecStep } from '../../program/special.ts'
import { FRAMES } from '../../protocol/wire.ts'
import { checkHello } from '../../protocol/frames.ts'
import { CALL_MS } from '../connection/waiting.ts'
import type { Member } from './member.ts'

/**
 * Makes a process a fresh image of the agent: another address layout, an empty stack. Its pid, children, filter, options, watched
 * signals and clean-up programs stay; so do descriptors without O_CLOEXEC.
 * @throws SyscallError, it stays as it was: EPERM when its real and effective ids differ, ENOEXEC when it runs from another file; AgentError when the tree is ending
 */
export async function reexecMember(member: Member, options?: CallOptions): Promise<void> {
  member.assertReady()
  const p = program()
  const image = openImage(member)
  p.because('reexec', 'The sealed file that this process runs from already')
  reexecStep(p, image === undefined ? undefined : p.attached(0))
  const patience = { ...options, patienceMs: CALL_MS }
  try {
    const files = image === undefined ? [] : [image]
    const answer = await member.channel.requestAlone(FRAMES.RUN, p.encode().frame, files, patience)
    if (answer.type === FRAMES.ANSWER_HELLO) checkHello(answer.payload)
    else succeeded(new ProgramResult(p, answer.payload, answer.descriptors, answer.sequence))
  } finally {
    if (image !== undefined) closeSync(image)
  }
}

/**
 * The file of the tree's root, which every process below it runs from, whatever root directory it has. A root that a command started
 * may be another user's, and its pid the command's.
 */
function openImage({ path: [root] }: Member): number | undefined {
  if (!root || root.command) return undefined
  try {
    return openSync(`/proc/${root.known().hostPid}/exe`, 'r')
  } catch (error) {
    throw new AgentError('Agent cannot be renewed: the root of its tree, whose image it runs from, has ended', {
      cause: error,
    })
  }
}
