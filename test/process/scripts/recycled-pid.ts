import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { Agent } from '../../../src/process/agent.ts'

/**
 * Runs as the first process of a pid namespace with a /proc of its own, where numbers can be given again at will: what a handle
 * would reach by its number, here and in the agents, is then somebody else. Prints `done` when nobody was.
 */
assert.equal(process.pid, 1)

/** A child with this number; threads of Node may take it first. */
async function forkAs(root: Agent, pid: number): Promise<Agent> {
  for (let attempt = 0; attempt < 50; attempt++) {
    writeFileSync('/proc/sys/kernel/ns_last_pid', String(pid - 1))
    const child = await root.fork()
    if (child.pid === pid) return child
    await child.close()
  }
  throw new Error(`The number ${pid} was never free`)
}

const NUMBER = 3000
await using root = await Agent.start()
const first = await forkAs(root, NUMBER)
const sh = await first.exec('/bin/sh', ['sh', '-c', 'sleep 300 & exit 7'])
const end = await sh.exited
assert.equal(end.kind === 'exited' && end.code, 7)

const second = await forkAs(root, NUMBER)
assert.equal(second.hostPid, NUMBER)
assert.ok(!sh.stdout.readableEnded, 'the grandchild has the pipe')
for (const handle of [first, sh]) assert.equal(handle.kill('SIGKILL'), false)
assert.equal(first.hostPid, undefined)
await first.close()
await sh[Symbol.asyncDispose]()
assert.equal(await second.sys.getpid(), NUMBER)

const cat = await second.exec('/bin/cat')
for (const handle of [first, sh]) assert.equal(handle.kill('SIGKILL'), false)
await sh[Symbol.asyncDispose]()
cat.stdin.end()
const later = await cat.exited
assert.deepEqual([later.kind, later.kind === 'exited' && later.code], ['exited', 0])
assert.equal(await sh.exited, end)
await root.close()
console.log('done')
