import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { openFolder } from './build.ts'
import { descendants, groupsOf, recordsOf } from './leaks.ts'
import { eventually } from '../support/eventually.ts'

// The law: when Node is killed in the middle of a start, nothing of the start is left half a second later.

const MOMENTS = 20
const CLEAN_MS = 500
const folder = openFolder('killed')
const running = new Set<ChildProcess>()
after(() => {
  for (const child of running) child.kill('SIGKILL')
  rmSync(folder, { recursive: true })
})

async function begin(): Promise<ChildProcess> {
  const script = join(import.meta.dirname, 'start-and-close.ts')
  const child = spawn(process.execPath, ['--import', 'tsx', script, folder], { stdio: ['ignore', 'pipe', 'inherit'] })
  running.add(child)
  child.once('exit', () => running.delete(child))
  await once(child.stdout ?? assert.fail(), 'data')
  return child
}

/** Pids with the time they began at: a pid may be used again. */
const birthsOf = (pids: readonly number[]): ReadonlyMap<number, string> =>
  new Map(pids.map((pid) => [pid, birthOf(pid)]))

/** When a process began; nothing when it is gone, or has ended and only the host's first process has yet to take note. */
function birthOf(pid: number): string {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, 'utf8')
      .replace(/^.*\) /, '')
      .split(' ')
    return fields[0] === 'Z' && fields[1] === '1' ? '' : (fields[19] ?? '')
  } catch {
    return ''
  }
}

/** What a process that should be gone is and waits for. */
function describe(pid: number): string {
  try {
    const fields = /^(?:Name|State|PPid|NSpid|SigPnd|ShdPnd):.*$/gm
    return `${pid} ${readFileSync(`/proc/${pid}/status`, 'utf8').match(fields)?.join(' ')} ${readFileSync(`/proc/${pid}/wchan`, 'utf8')}`
  } catch {
    return `${pid}, which ends just now`
  }
}

test('SIGKILL of Node at random moments of a start leaves no process, no group, no record, no mount and no file', async (context) => {
  const mounts = readFileSync('/proc/self/mountinfo', 'utf8')
  const late: number[] = []
  for (let round = 0; round < MOMENTS; round++) {
    const child = await begin()
    const pid = child.pid ?? assert.fail()
    const delayMs = Math.random() * 60
    await sleep(delayMs)
    const births = birthsOf(descendants(pid).filter((each) => birthOf(each) !== ''))
    child.kill('SIGKILL')
    await once(child, 'exit')
    const killed = performance.now()
    const left = (): string[] => [
      ...[...births].filter(([each, birth]) => birth !== '' && birthOf(each) === birth).map(([each]) => describe(each)),
      ...groupsOf(pid),
      ...recordsOf(pid),
    ]
    await eventually(
      () => left().length === 0,
      () => `killed after ${delayMs} ms: ${left().join('; ')}`,
    )
    const took = performance.now() - killed
    context.diagnostic(
      `killed after ${delayMs.toFixed(1)} ms with ${births.size} processes: clean after ${took.toFixed(0)} ms`,
    )
    if (took > CLEAN_MS) late.push(took)
  }
  // The machine is shared: one round may have waited for a processor.
  assert.ok(late.length <= 1, `clean after ${late.join(', ')} ms`)
  assert.equal(readFileSync('/proc/self/mountinfo', 'utf8'), mounts)
  assert.ok(existsSync(folder))
  assert.deepEqual(readdirSync(folder), [])
})
