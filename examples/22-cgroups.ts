// Shows: a group of processes: limits, a program born inside, statistics, events, freezing, an update, and its end. Needs root.
import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { Cgroup } from 'carrel/cgroup'
import { Agent } from 'carrel/process'

if (process.getuid?.() !== 0) {
  console.log('needs root: groups are made below the root of each hierarchy')
  process.exit()
}

const MIB = 2 ** 20
await using agent = await Agent.start()
await using group = await Cgroup.create(agent, `example-${process.pid}`, {
  memory: { limit: 64 * MIB, swap: 64 * MIB },
  pids: { limit: 16 },
})
console.log(group.directories.join('\n'))

// Everything that happens to the group, told by the kernel: nothing is asked for again and again.
const events: string[] = []
const watching = (async () => {
  for await (const { kind } of group.watch()) events.push(kind)
})()

// The program is in the group before its first instruction.
const env = { PATH: '/usr/bin:/bin' }
const shell = await group.exec('/bin/sh', ['sh', '-c', 'cat /proc/self/cgroup; exec sleep 1000'], { env })
const [memberships] = (await shell.stdout.take(1).toArray()) as [Buffer]
assert.match(memberships.toString(), new RegExp(`example-${process.pid}`))

const { pids, memory } = await group.statistics()
console.log(`${pids?.current} of ${pids?.limit} processes, ${memory?.currentBytes} of ${memory?.limitBytes} bytes`)
assert.equal(pids?.current, (await group.processes()).length)

// While a group stands still its processes get no CPU time, and nothing in it can run away.
await group.freeze()
const state = readFileSync(`/proc/${shell.hostPid}/stat`, 'utf8')
console.log('frozen:', state.split(' ').slice(1, 3).join(' '))
await group.thaw()

await group.update({ pids: { limit: 4 } })
assert.equal((await group.get('pids', 'pids.max')).trim(), '4')

// What does not fit into the memory is killed, and the group tells why.
const hog = await group.exec('/bin/sh', ['sh', '-c', 'head -c 200000000 /dev/zero | tail -c 200000000'], { env })
hog.stdout.resume()
await hog.exited
console.log('killed for want of memory:', (await group.statistics(['memory'])).memory?.oomKills)

await group.kill()
await group.destroy()
await watching
console.log(events.join(' '))
assert.equal(events.at(-1), 'gone')
