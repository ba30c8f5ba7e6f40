// Shows: one sandbox, one command, and what its result says.
import assert from 'node:assert/strict'
import { Sandbox } from 'carrel'

await using box = await Sandbox.create()
const result = await box.run('sh', ['-c', 'echo "hello from pid $$ as $(id -un)"; exit 3'])

console.log(result.stdout.trim())
console.log(`outcome ${result.outcome}, exit code ${result.exitCode}, ${result.usage.wallMs.toFixed(1)} ms`)

assert.match(result.stdout, /^hello from pid \d+ as user$/m)
assert.equal(result.outcome, 'exited')
assert.equal(result.exitCode, 3)
