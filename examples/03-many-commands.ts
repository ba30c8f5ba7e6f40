// Shows: one sandbox serves many commands, several at a time; they share its files, nothing else is started for them.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import { Sandbox } from 'carrel'

await using box = await Sandbox.create({ env: { GREETING: 'hello' } })

await box.run('sh', ['-c', 'for i in 1 2 3 4 5 6 7 8; do echo $((i * i)) > /tmp/$i; done'])
const begin = performance.now()
const results = await Promise.all([1, 2, 3, 4, 5, 6, 7, 8].map((i) => box.run('cat', [`/tmp/${i}`])))
console.log(results.map((result) => result.stdout.trim()).join(' '))
console.log(`eight commands side by side: ${(performance.now() - begin).toFixed(1)} ms`)

// spawn() hands over the streams: a command to talk with.
await using greeter = await box.spawn('sh', ['-c', 'while read name; do echo "$GREETING, $name"; done'])
assert(greeter.stdin && greeter.stdout)
const line = once(createInterface(greeter.stdout), 'line')
greeter.stdin.write('reader\n')
const [answer] = (await line) as [string]
console.log(answer)
greeter.stdin.end()
const { exitCode } = await greeter.wait()

assert.deepEqual(
  results.map((result) => Number(result.stdout)),
  [1, 4, 9, 16, 25, 36, 49, 64],
)
assert.equal(answer, 'hello, reader')
assert.equal(exitCode, 0)
