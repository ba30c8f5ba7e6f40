import { execFile } from 'node:child_process'
import { closeSync } from 'node:fs'
import { promisify } from 'node:util'
import { SyscallError, UnsupportedError } from '../base/errors.ts'
import type { IdRow } from '../features/users/id-map.ts'
import type { HostFacts } from '../host/facts.ts'
import type { CallOptions } from '../linux/call-options.ts'
import { type HostProgram, recordPath } from '../plan/host-program.ts'
import type { SandboxPlan } from '../plan/plan-sandbox.ts'
import type { Agent, Birth } from '../process/agent.ts'
import type { RunOptions as AgentRunOptions } from '../process/caller.ts'
import type { ProgramResult } from '../program/result.ts'
import { Container } from './container.ts'
import type { Maker } from './cradle.ts'
import { Forks } from './forks.ts'
import { leave } from './leave.ts'
import { recordPid } from './record-pid.ts'

/** How a container is started. */
export interface StartOptions extends CallOptions {
  /** Who makes its first process; default: the root agent */
  readonly maker?: Maker
}

let nextKey = 1

/**
 * Carries out a plan: makes the sandbox that it describes, or nothing. Whatever fails, all that was made is undone, and the first
 * error is the one that is thrown; what fails in the undoing is attached to it.
 * @throws SyscallError (with step and reason), AgentError, TimeoutError, the signal's reason
 */
export async function startContainer(
  root: Agent,
  plan: SandboxPlan,
  facts: HostFacts,
  options: StartOptions = {},
): Promise<Container> {
  const key = nextKey++
  // Registered before anything is made: it also runs when this process is killed in the middle.
  if (plan.leave) root.onEnd(key, plan.leave)
  const owners: number[] = []
  try {
    for (const owner of plan.owners) owners.push(await makeOwnerMap(root, owner))
    const { init, forks } = await makeInit(options.maker ?? { agent: root, used() {} }, plan, facts, owners, options)
    if (plan.record) notePid(recordPath(plan.record), init)
    return new Container(root, init, forks, plan, key)
  } catch (error) {
    await leave(root, plan, key, error)
    throw error
  } finally {
    owners.forEach((descriptor) => closeSync(descriptor))
  }
}

/** A little later: reading the pid that the host knows it by costs more than all else in a record, and nobody here waits for it. */
function notePid(file: string, init: Agent): void {
  setImmediate(() => {
    try {
      const pid = init.hostPid
      if (pid !== undefined) recordPid(file, pid)
    } catch {
      // Out of descriptors, or of space: without its pid it is listed all the same, and nobody would hear of the failure here.
    }
  })
}

async function makeOwnerMap(root: Agent, owner: HostProgram): Promise<number> {
  const birth = root.conceive()
  const result = await bear({ agent: root, used() {} }, birth, owner, [])
  const userns = result.descriptors[1] as number
  await birth.agent.close()
  return userns
}

async function makeInit(
  maker: Maker,
  plan: SandboxPlan,
  facts: HostFacts,
  owners: readonly number[],
  options?: CallOptions,
): Promise<{ init: Agent; forks: Forks }> {
  const birth = maker.agent.conceive()
  const forks = new Forks(birth.agent, plan.fork)
  const making = quietly(bear(maker, birth, plan.host, owners))
  // Without trees of the host's the child's orders can wait in its socket before it exists: one way instead of two.
  const early = plan.trees === 0 ? quietly(initialise(birth.agent, plan, options)) : undefined
  if (early) forks.prepare()
  const made = await making
  const rest = made.descriptors.slice(1)
  try {
    options?.signal?.throwIfAborted()
    if (plan.map.writer === 'newuidmap') await writeMapsByHelper(birth.agent.hostPid as number, plan, facts)
    if (plan.map.writer === 'newuidmap') closeSync(rest.shift() as number)
    await (early ?? initialise(birth.agent, plan, { ...options, descriptors: rest }))
    return { init: birth.agent, forks }
  } catch (error) {
    birth.agent.kill('SIGKILL')
    await birth.agent.close()
    throw error
  } finally {
    rest.forEach((descriptor) => closeSync(descriptor))
  }
}

/** Both programs are sent at once; the first to fail is the one that is told. */
async function initialise(agent: Agent, plan: SandboxPlan, options?: AgentRunOptions): Promise<void> {
  const init = quietly(agent.run(plan.init, options))
  const name = quietly(agent.run(plan.name, options))
  await init
  await name
}

/** Runs a program that makes a child; when it fails, waits until a child that was made all the same is gone. */
async function bear(
  maker: Maker,
  birth: Birth,
  { program, pid }: HostProgram,
  more: readonly number[],
): Promise<ProgramResult> {
  let result: ProgramResult
  try {
    // Waited for in any case: what an abandoned program makes would belong to nobody.
    const made = maker.agent.attempt(program, { descriptors: [birth.socket, ...more] })
    maker.used()
    result = await made
  } catch (error) {
    birth.fail(error)
    throw error
  }
  if (result.failure) {
    const error = new SyscallError(result.failure)
    birth.fail(error)
    await birth.stillborn(result, pid)
    throw error
  }
  birth.born(result, pid)
  return result
}

const execute = promisify(execFile)

/** newuidmap(1) and newgidmap(1) are set-uid root: they check the ranges against /etc/subuid and write maps that we may not. */
async function writeMapsByHelper(pid: number, plan: SandboxPlan, facts: HostFacts): Promise<void> {
  await writeMap(facts.subordinate.newuidmap as string, pid, plan.map.uids)
  await writeMap(facts.subordinate.newgidmap as string, pid, plan.map.gids)
}

/** @throws UnsupportedError with what the helper says */
async function writeMap(helper: string, pid: number, rows: readonly IdRow[]): Promise<void> {
  const numbers = rows.flatMap(({ inside, outside, count }) => [inside, outside, count])
  try {
    await execute(helper, [String(pid), ...numbers.map(String)])
  } catch (error) {
    const { stderr } = error as { stderr?: string }
    throw new UnsupportedError(`Subordinate ids cannot be used: ${stderr?.trim() || String(error)}`, {
      fact: 'subordinate ids',
      remedy:
        'give this user, by its name in /etc/passwd, the same range in /etc/subuid and /etc/subgid, or remove both',
      cause: error,
    })
  }
}

/** A promise whose failure is looked at later. */
function quietly<T>(promise: Promise<T>): Promise<T> {
  promise.catch(() => {})
  return promise
}
