import assert from 'node:assert/strict'
import { spawnSync, type SpawnSyncReturns } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { eventually } from '../support/eventually.ts'
import { startScript } from '../support/node-script.ts'
import { descendants, type Seen, survivors } from '../support/proc.ts'
import { REPOSITORY } from '../support/repository.ts'

const FOLDER = 'examples/from-scratch'

/** The steps, in order: files whose name begins with their number. */
export const STEPS = readdirSync(join(REPOSITORY, FOLDER))
  .filter((name) => /^\d/.test(name))
  .sort()

const fileOf = (step: number): string => join(FOLDER, STEPS[step - 1] ?? assert.fail(`there is no step ${step}`))

interface Options {
  readonly input?: string
  readonly env?: Readonly<Record<string, string>>
}

/** Runs a step with these words and waits for it. */
export function runStep(step: number, words: readonly string[], options: Options = {}): SpawnSyncReturns<string> {
  return spawnSync(process.execPath, ['--import', 'tsx', fileOf(step), ...words], {
    cwd: REPOSITORY,
    encoding: 'utf8',
    input: options.input ?? '',
    env: { PATH: process.env['PATH'], ...options.env },
    timeout: 30_000,
    killSignal: 'SIGKILL',
  })
}

/** A container that sleeps. */
export interface Sleeping {
  /** The program of the step */
  readonly node: number
  /** The command, which is named `sleep` */
  readonly command: Seen
  /** PID 1 of its pid namespace, or the agent that made it */
  readonly init: number
}

interface Start {
  /** A command that becomes `sleep` */
  readonly words?: readonly string[]
  readonly env?: Options['env']
}

/** Starts a step and waits until its command sleeps; `stop` kills what is left of it. */
export async function startStep(step: number, start: Start = {}): Promise<Sleeping & { stop(): Promise<void> }> {
  const { words = ['sleep', '1000'], env = {} } = start
  const script = startScript(fileOf(step), { args: ['run', ...words], env })
  const node = script.child.pid as number
  const stop = async (): Promise<void> => {
    const all = descendants(node)
    script.child.kill('SIGKILL')
    await script.ended
    await eventually(
      () => survivors(all).length === 0,
      () => `${JSON.stringify(survivors(all))} are left of step ${step}`,
      30_000,
    )
  }
  try {
    const sleeps = eventually(
      () => descendants(node).find(({ name }) => name === 'sleep'),
      () => `step ${step} runs sleep`,
      30_000,
    )
    const died = script.ended.then(({ stderr }) => assert.fail(`step ${step} has ended: ${stderr}`))
    const command = await Promise.race([sleeps, died])
    died.catch(() => {})
    return { node, command, init: command.parent, stop }
  } catch (error) {
    await stop()
    throw error
  }
}

/** Looks at a step while its command sleeps. */
export async function whileItSleeps(
  step: number,
  look: (box: Sleeping) => void | Promise<void>,
  start?: Start,
): Promise<void> {
  const box = await startStep(step, start)
  try {
    await look(box)
  } finally {
    await box.stop()
  }
}

/** The directory of the group that limits the number of a process's processes. */
export function pidsGroupOf(pid: number, hierarchy: string): string {
  const lines = readFileSync(`/proc/${pid}/cgroup`, 'utf8').trim().split('\n')
  const line = lines.find((each) => each.includes(':pids:')) ?? lines.find((each) => each.startsWith('0::'))
  return join(hierarchy, line?.split(':')[2] ?? assert.fail('no group'))
}
