import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { Agent } from '../../src/process/agent.ts'
import { checkMachine } from '../support/machine-check.ts'
import { descendants, descriptorsOf, statusField } from '../support/proc.ts'

checkMachine()

const CYCLES = 10_000
const WARM_UP = 1000
const AT_ONCE = 8
/** Every so many of them is read to its end: the others have no pipes */
const PIPED = 10

/** A few pages that it had not touched before */
const AGENT_NOISE_KIB = 64
/** What is noise in Node's own numbers, in KiB: a leak of 100 bytes in each cycle would be more. */
const HEAP_NOISE_KIB = 900
/** Arenas of malloc and pages of the collector come and go; a leak of one page in each cycle would be 40 MiB. */
const RESIDENT_NOISE_KIB = 32 * 1024
/** The same in mappings: a connection that is never let go is one. */
const MAPS_NOISE = 250

setFlagsFromString('--expose-gc')
const collectGarbage = runInNewContext('gc') as () => void

const kib = (pid: number | 'self', field: string): number => Number.parseInt(statusField(pid, field), 10)

interface Size {
  readonly agent: { readonly dataKib: number; readonly descriptors: number }
  readonly agentResidentKib: number
  readonly descriptors: number
  readonly resources: readonly string[]
  readonly heapKib: number
  readonly outsideKib: number
  readonly residentKib: number
  readonly maps: number
}

/** What this process and the agent hold once nothing is under way. */
async function sizeNow(root: Agent): Promise<Size> {
  // What finalizers let go is closed in a later turn of the event loop.
  for (let round = 0; round < 5; round++) {
    collectGarbage()
    await sleep(10)
  }
  const { heapUsed, external } = process.memoryUsage()
  return {
    agent: { dataKib: kib(root.pid, 'VmData'), descriptors: descriptorsOf(root.pid).size },
    agentResidentKib: kib(root.pid, 'VmRSS'),
    descriptors: descriptorsOf('self').size,
    resources: process.getActiveResourcesInfo().sort(),
    heapKib: heapUsed / 1024,
    outsideKib: external / 1024,
    residentKib: kib('self', 'VmRSS'),
    maps: readFileSync('/proc/self/maps', 'utf8').split('\n').length,
  }
}

async function cycle(root: Agent, number: number): Promise<void> {
  const child = await root.fork()
  const piped = number % PIPED === 0
  const program = await child.exec('/bin/echo', ['echo', String(number)], { stdio: piped ? 'pipe' : 'null' })
  const [said, exit] = await Promise.all([program.stdout ? text(program.stdout) : '', program.exited])
  assert.equal(exit.kind === 'exited' && exit.code, 0)
  assert.equal(said, piped ? `${number}\n` : '')
}

async function cycles(root: Agent, count: number): Promise<void> {
  let next = 0
  const worker = async (): Promise<void> => {
    while (next < count) await cycle(root, next++)
  }
  await Promise.all(Array.from({ length: AT_ONCE }, worker))
}

test(
  `P27: ${CYCLES} times fork, exec, exit: descriptors, processes and memory of the agent and of Node are as before`,
  { timeout: 120_000 },
  async (t) => {
    await using root = await Agent.start()
    await cycles(root, WARM_UP)
    const before = await sizeNow(root)
    const begin = performance.now()
    await cycles(root, CYCLES)
    t.diagnostic(`${((performance.now() - begin) / CYCLES).toFixed(2)} ms for each`)
    const after = await sizeNow(root)
    t.diagnostic(JSON.stringify({ before, after }))
    assert.deepEqual([root.children, descendants(root.pid)], [0, []])
    assert.deepEqual(after.agent, before.agent)
    assert.ok(
      after.agentResidentKib - before.agentResidentKib < AGENT_NOISE_KIB,
      `agent: ${after.agentResidentKib} KiB`,
    )
    assert.deepEqual([after.descriptors, after.resources], [before.descriptors, before.resources])
    assert.ok(after.heapKib - before.heapKib < HEAP_NOISE_KIB, `heap: ${before.heapKib} to ${after.heapKib} KiB`)
    assert.ok(after.outsideKib - before.outsideKib < HEAP_NOISE_KIB, `${before.outsideKib} to ${after.outsideKib} KiB`)
    assert.ok(
      after.residentKib - before.residentKib < RESIDENT_NOISE_KIB,
      `${before.residentKib} to ${after.residentKib} KiB`,
    )
    assert.ok(after.maps - before.maps < MAPS_NOISE, `${before.maps} to ${after.maps} mappings`)
  },
)
