import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { closeSync, openSync, readlinkSync } from 'node:fs'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { machineArch } from '../../src/linux/arch.ts'
import { syscallNumber } from '../../src/linux/syscalls.ts'
import { startAgent, stopAgent } from './connection.ts'

const nr = (name: string): number => syscallNumber(machineArch(), name) as number

/** PR_GET_PDEATHSIG and PR_SET_PDEATHSIG of linux/prctl.h */
const [GET, SET] = [2, 1]

test('the parent-death signal is the same after a change of credentials, and none when there was none', async () => {
  const one = await startAgent()
  const { child } = await one.root.clone()
  const { reply } = await child.run({
    steps: [
      [nr('prctl'), GET, ['REPLY', 0]],
      [nr('setresuid'), -1, 1000, -1],
      [nr('prctl'), GET, ['REPLY', 4]],
      [nr('prctl'), SET, 0],
      [nr('setresuid'), -1, 0, -1],
      [nr('prctl'), GET, ['REPLY', 8]],
    ],
    reply: 12,
  })
  assert.deepEqual(
    [0, 4, 8].map((at) => reply.readInt32LE(at)),
    [9, 9, 0],
  )
  child.close()
  assert.equal(await stopAgent(one), 0)
})

test('the parent-death signal is the same after setns() into a user namespace of another user’s', async () => {
  const one = await startAgent()
  const owner = spawn('unshare', ['--user', 'sleep', '1000'], { uid: 65_534, gid: 65_534 })
  try {
    while (readlinkSync(`/proc/${owner.pid}/ns/user`) === readlinkSync('/proc/self/ns/user')) await sleep(5)
    const namespace = openSync(`/proc/${owner.pid}/ns/user`, 'r')
    const { child } = await one.root.clone()
    const { error, reply } = await child.run(
      {
        steps: [
          [nr('setns'), ['ATTACHED', 0], 0],
          [nr('prctl'), GET, ['REPLY', 0]],
        ],
        reply: 4,
      },
      [namespace],
    )
    assert.equal(error, 0)
    assert.equal(reply.readInt32LE(0), 9)
    closeSync(namespace)
    child.close()
  } finally {
    owner.kill('SIGKILL')
    await stopAgent(one)
  }
})
