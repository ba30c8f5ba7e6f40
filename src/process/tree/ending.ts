import { AgentError, StateError } from '../../base/errors.ts'
import type { CallOptions } from '../../linux/call-options.ts'
import { signalNumber } from '../../linux/signal.ts'
import { checkLimits } from '../check-options.ts'
import { within } from '../connection/waiting.ts'
import { timerFor } from '../streams/timer.ts'
import { program } from '../../program/builder.ts'
import { FRAMES } from '../../protocol/wire.ts'
import type { Exit } from './exit.ts'
import type { Member } from './member.ts'
import { WAKE } from './wake.ts'
import type { Child } from './child.ts'

const SIGKILL = signalNumber('SIGKILL')

/** How long close() waits before it kills: well above what an agent takes to end its own */
const CLOSE_MS = 5000

/** How long orders that were sent before close() may take before they are interrupted, one after the other */
const NUDGE_MS = 20

/**
 * Ends everything below a process, then the process; what was detached stays. Resolves when it is gone.
 * @throws InvalidInputError; AgentError when it does not end and may not be killed
 */
export async function closeMember(member: Member, options: { timeoutMs?: number } = {}): Promise<void> {
  checkLimits(options)
  if (member.state === 'closed' || member.state === 'detached' || member.state === 'unborn') return
  const child = member.known()
  if (child.kept) return
  child.asked = true
  if (member.state === 'spent') return endProgram(member, child)
  if (member.keeps) return leave(member)
  const nudges = member.state === 'ready' ? shutDown(member, child) : undefined
  member.channel.hold()
  member.end.hold()
  try {
    await ended(member, child, options.timeoutMs)
  } finally {
    clearInterval(nudges)
    member.channel.release()
    member.state = 'closed'
    member.channel.destroy(new AgentError('Agent is closed'))
  }
}

async function endProgram(member: Member, child: Child): Promise<void> {
  if (!child.exit && !kill(member, child)) throw mayNotEnd(child)
  await child.told
}

function shutDown(member: Member, child: Child): NodeJS.Timeout {
  member.state = 'closing'
  shutDownBelow(member)
  member.channel.shutdown()
  // A call that blocks would keep the agent from seeing the end: this signal makes it return, as the death of this process does.
  return setInterval(() => wake(member, child), NUDGE_MS)
}

function wake(member: Member, child: Child): void {
  try {
    if (member.command) member.command.wake()
    else child.kill(WAKE)
  } catch {
    // Another user's: it hears of the end when its call has returned, or is given up.
  }
}

/** All hear of it at once, and have the rights to end what is theirs that a process above may have given up. */
function shutDownBelow(member: Member): void {
  for (const { member: below } of member.children.list()) {
    if (below?.state !== 'ready') continue
    shutDownBelow(below)
    below.channel.shutdown()
  }
}

/** Kills what does not end in time. @throws AgentError when that is forbidden */
async function ended(member: Member, child: Child, timeoutMs = CLOSE_MS): Promise<void> {
  let impatience: NodeJS.Timeout | undefined
  const refused = new Promise<never>((_, reject) => {
    impatience = timerFor(timeoutMs, () => kill(member, child) || reject(mayNotEnd(child)))
  })
  try {
    await Promise.race([child.told, refused])
  } finally {
    clearTimeout(impatience)
  }
}

const mayNotEnd = (child: Child): AgentError =>
  new AgentError(`Process ${child.pid} does not end, and belongs to another user: it may not be killed`)

/** False when it may not be killed. */
function kill(member: Member, child: Child): boolean {
  try {
    if (member.command) return member.command.kill(child)
    child.kill('SIGKILL')
    return true
  } catch {
    return false
  }
}

/** Ends what is attached below a process that stays for something detached, and lets go of the process. */
async function leave(member: Member): Promise<void> {
  const attached = member.children.list().filter(({ child }) => !child.kept)
  await Promise.all(attached.map(async ({ child, member: below }) => askToEnd(member, child, below)))
  const kept = member.children.list().map(({ member: below }) => below)
  await Promise.all(kept.map(async (below) => (below?.keeps && below.state === 'ready' ? leave(below) : undefined)))
  letGo(member, 'closed')
}

/** As the agent itself would end it: a program gets the signal of the option, and its grace. */
async function askToEnd(member: Member, child: Child, below: Member | undefined): Promise<void> {
  const signal = child.signaloneof ?? member.options.get('signaloneof')
  if (below?.state === 'spent' && signal !== SIGKILL && signal !== 0) {
    child.kill(signal)
    await within(child.told, member.options.get('grace'))
  }
  await endChild(child, below)
}

/** Ends a child and everything below it. */
export async function endChild(child: Child, member: Member | undefined): Promise<void> {
  if (member?.state === 'ready' || member?.state === 'closing') return closeMember(member)
  child.kill('SIGKILL')
  await child.told
}

/**
 * Lets go of a process and of all that runs below it: neither close() nor the end of this process ends it. It stays as the reaper
 * of what is below it, runs the clean-up programs when the last has ended, and exits.
 */
export async function detachMember(member: Member, options?: CallOptions): Promise<void> {
  member.assertReady()
  const child = member.known()
  if (member.parent) await member.parent.keep(child, options)
  await detachAll(member, options)
  child.kept = true
}

/** The agents below have sockets of their own, whose end would have each of them end what it has. */
async function detachAll(member: Member, options?: CallOptions): Promise<void> {
  for (const { member: below } of member.children.list()) {
    if (below?.state === 'ready' && !below.channel.ended) await detachAll(below, options)
  }
  await member.order(FRAMES.DETACH, new Uint8Array(0), 'detach', options)
  letGo(member, 'detached')
}

function letGo(member: Member, state: 'closed' | 'detached'): void {
  member.state = state
  member.isLetGo = true
  member.end.release()
  for (const { child } of member.children.list()) child.letGo()
  member.channel.destroy(new AgentError(`Agent is ${state}`))
}

/** Ends a process with a status. @throws StateError while it has children */
export async function exitMember(member: Member, status: number, options?: CallOptions): Promise<Exit> {
  member.assertReady()
  if (member.offspring > 0) throw hasChildren(member)
  const child = member.known()
  child.asked = true
  const p = program()
  p.exit_group(status)
  try {
    await member.run(p, options)
  } catch (error) {
    if (!member.channel.closedByPeer) {
      child.asked = false
      throw error
    }
  }
  member.end.hold()
  const exit = await child.told
  member.state = 'closed'
  return exit
}

/** They would lose the process that reports their end. */
export function hasChildren(member: Member): StateError {
  const why = `Agent has ${member.offspring} children: they would lose the process that reports their end`
  return new StateError(why, { state: 'parent', wanted: 'no children' })
}
