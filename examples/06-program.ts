// Shows: system calls as data. The same program is printed, run in one message, and run against a recorder without a process.
import assert from 'node:assert/strict'
import { Agent } from 'carrel/process'
import { program, Recorder } from 'carrel/program'

const p = program()
p.because('demo', 'A memory file needs no name and no place')
const file = p.memfd_create('demo', ['MFD_CLOEXEC'])
p.write(file, 'forty-two bytes would be longer than this\n')
p.because('demo', 'An error that is expected does not stop the program')
p.tolerate('ENOENT').unlinkat('AT_FDCWD', '/nonexistent', [])
const status = p.statx(file, '', ['AT_EMPTY_PATH'], ['STATX_SIZE'])
p.close(file)

console.log(String(p))

await using agent = await Agent.start()
const result = await agent.run(p)
console.log('size:', result.get(status).stx_size, 'tolerated:', result.errno(2))

// Nothing below is executed: code that decides can be tested on any machine, as any user.
const recorder = new Recorder((name) => (name === 'memfd_create' ? 'EMFILE' : 0))
const refused = await recorder.run(p).then(() => 'completed', String)
console.log(refused)

assert.equal(p.steps.length, 5)
assert.equal(Number(result.get(status).stx_size), 42)
assert.equal(result.errno(2), 'ENOENT')
assert.match(refused, /memfd_create.*EMFILE \(step 0 of 5, demo\)/)
