import { Cgroup, ownerSuffix } from 'carrel/cgroup'
import { Agent } from 'carrel/process'

// Makes and removes groups without end, all with a process in them, until it is killed.
const [id = 'x'] = process.argv.slice(2)
const agent = await Agent.start()
for (let i = 0; ; i++) {
  const group = await Cgroup.create(agent, `carrel-${id}-${i}.${ownerSuffix()}`, { pids: { limit: 5 } }, { all: true })
  await group.exec('/bin/sleep', ['sleep', '100'], { env: {}, stdio: 'null' })
  if (i === 0) console.log(JSON.stringify({ pid: process.pid, agent: agent.hostPid }))
  if (i % 2 === 1) await group.destroy({ kill: true })
}
