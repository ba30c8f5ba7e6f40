import { Cgroup } from 'carrel/cgroup'
import { Agent } from 'carrel/process'

// Ends when nothing is waited for any more. The group goes with the agent.
const [name = 'x', how] = process.argv.slice(2)
const agent = await Agent.start()
const group = await Cgroup.create(agent, name, { pids: { limit: 1 } })
const watch = group.watch()
await watch.ready()

// A second process is one too many: on every host there is something to tell.
async function fill() {
  const child = await group.fork()
  await group.fork(child).catch(() => undefined)
}

if (how === 'waits') {
  void watch.next().then(({ value }) => console.log(value?.kind))
  setTimeout(() => void fill(), 50).unref()
}
console.log('end')
