// Shows: every limit has an outcome of its own, so a caller can tell why a command is over.
import assert from 'node:assert/strict'
import { Sandbox } from 'carrel'

// bestEffort: an ordinary user may have no cgroup to limit memory with; what is missing is then listed.
await using box = await Sandbox.create({ memory: '64M', pids: 32, bestEffort: true })
for (const { limit, reason } of box.notApplied) console.log(`not enforced here: ${limit} (${reason})`)

const hog = await box.run('sh', ['-c', 'x=aaaaaaaaaaaaaaaa; while :; do x=$x$x; done'])
const slow = await box.run('sleep', ['60'], { timeoutMs: 200 })
const stubborn = await box.run('sh', ['-c', 'trap "" TERM; while :; do :; done'], { timeoutMs: 200, graceMs: 100 })
const chatty = await box.run('yes', [], { outputLimitBytes: 10_000 })
const bomb = await box.run('sh', ['-c', 'bomb() { bomb | bomb & }; bomb; wait; echo over'], { timeoutMs: 2000 })

for (const [name, { outcome, exitCode, usage }] of Object.entries({ hog, slow, stubborn, chatty, bomb })) {
  console.log(`${name}: ${outcome}, exit code ${exitCode}, ${Math.round(usage.wallMs)} ms`)
}

const isLimited = !box.notApplied.some(({ limit }) => limit === 'memory')
if (isLimited) assert.equal(hog.outcome, 'oom')
assert.equal(slow.outcome, 'timeout')
assert.equal(stubborn.outcome, 'timeout')
assert.equal(stubborn.signal, 'SIGKILL')
assert.equal(chatty.outcome, 'output-limit')
assert.equal(chatty.stdoutBytes.length, 10_000)
