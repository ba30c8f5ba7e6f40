import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, openSync, readFileSync, readlinkSync, writeFileSync } from 'node:fs'
import { constants } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { machineArch } from '../../src/linux/arch.ts'
import { syscallNumber } from '../../src/linux/syscalls.ts'
import { protocolHash } from '../../src/protocol/hash.ts'
import { FILTER_BITS, FRAMES, SPECIALS } from '../../src/protocol/wire.ts'
import { temporaryFolder } from './compile.ts'
import { agentPath, startAgent, stopAgent, type Answer, type Connection } from './connection.ts'
import { concat, little, program, struct } from './encode.ts'

const nr = (name: string): number => syscallNumber(machineArch(), name) as number
const [SIGHUP, SIGWINCH, WAKE] = [constants.signals.SIGHUP, constants.signals.SIGWINCH, 64]
const bit = (signal: number): bigint => 1n << BigInt(signal - 1)

const ignored = (pid: number): bigint =>
  BigInt(`0x${/^SigIgn:\t(.*)$/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8'))?.[1]}`)

const renewed = (connection: Connection): Promise<Answer> =>
  connection.order('RUN', program({ steps: [[SPECIALS.REEXEC, -1]] }))

test(
  'REEXEC: a signal that came during it is told, also one that is ignored by default; ignored ones stay so',
  { timeout: 60_000 },
  async () => {
    const one = await startAgent()
    const ignore = concat(little(1n, 8), new Uint8Array(24))
    await one.root.run({ steps: [[nr('rt_sigaction'), SIGHUP, ['DATA', 0], 0, 8]], data: ignore })
    await one.root.order('SIGNALS', struct('signals', { mask: bit(SIGWINCH) }))
    // Blocked and pending when the exec begins: the loop has no turn between two steps.
    const steps = [[nr('kill'), one.pid, SIGWINCH] as const, [SPECIALS.REEXEC, -1] as const]
    const answer = await one.root.order('RUN', program({ steps }))
    assert.equal(answer.type, FRAMES.ANSWER_HELLO)
    const caught = await Promise.race([one.root.event('CAUGHT'), sleep(20_000, undefined, { ref: false })])
    assert.equal(caught?.payload.readUInt32LE(0), SIGWINCH)
    assert.equal(ignored(one.pid) & bit(SIGHUP), bit(SIGHUP))
    assert.equal(await stopAgent(one), 0)
  },
)

test('REEXEC: a process that was told of the death of Node does not forget it', async () => {
  const one = await startAgent()
  process.kill(one.pid, WAKE as never)
  assert.equal((await renewed(one.root)).type, FRAMES.ANSWER_HELLO)
  const data = concat(little(5n, 8), little(0n, 8))
  const { error } = await one.root.run({ steps: [[nr('nanosleep'), ['DATA', 0], 0]], data })
  assert.equal(error, constants.errno.EINTR)
  assert.equal(await stopAgent(one), 0)
})

test(
  'REEXEC: of another file is refused, so that a filter of execve and execveat has no way around it',
  { timeout: 60_000 },
  async () => {
    const one = await startAgent()
    const own = Array<bigint>(8).fill(0n)
    for (const number of [nr('execve'), nr('execveat'), FILTER_BITS.DESCRIPTORS]) {
      own[number >> 6] = (own[number >> 6] ?? 0n) | (1n << BigInt(number & 63))
    }
    await one.root.order('FILTER', struct('filter', { own, children: own }))
    for (const path of ['/bin/sh', agentPath]) {
      const file = openSync(path, 'r')
      const { error } = await one.root.run({ steps: [[SPECIALS.REEXEC, ['ATTACHED', 0]]] }, [file])
      assert.equal(error, constants.errno.ENOEXEC, path)
      closeSync(file)
    }
    const image = openSync(`/proc/${one.pid}/exe`, 'r')
    const answer = await one.root.order('RUN', program({ steps: [[SPECIALS.REEXEC, ['ATTACHED', 0]]] }), [image])
    assert.equal(answer.type, FRAMES.ANSWER_HELLO)
    closeSync(image)
    assert.match(readlinkSync(`/proc/${one.pid}/exe`), /memfd:carrel-agent/)
    assert.equal(await stopAgent(one), 0)
  },
)

test('REEXEC: in a clean-up program is refused: nobody would give the new image orders', async () => {
  const one = await startAgent()
  const again = program({ steps: [[SPECIALS.REEXEC, -1]] })
  await one.root.order('CLEANUP', concat(struct('cleanup', { key: 1 }), again))
  const stopped = await Promise.race([stopAgent(one), sleep(20_000, undefined, { ref: false })])
  if (stopped === undefined) process.kill(one.pid, 'SIGKILL')
  assert.equal(stopped, 0)
})

test('-r: a state that somebody else made ends the agent in order, whatever its numbers say', () => {
  const path = join(temporaryFolder(), 'state')
  const states = [
    concat(little(protocolHash(), 8), new Uint8Array(65_536).fill(0xff)),
    new Uint8Array(65_536),
    little(protocolHash(), 8),
  ]
  for (const state of states) {
    writeFileSync(path, state)
    const file = openSync(path, 'r')
    const { status, signal } = spawnSync(agentPath, ['-r3'], { stdio: ['ignore', 'ignore', 'ignore', file] })
    closeSync(file)
    assert.deepEqual({ status, signal }, { status: 1, signal: null })
  }
})
