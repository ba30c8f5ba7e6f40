import { Agent } from '../../../src/process/agent.ts'

/** Detaches an agent with an agent below it that has a program, and one that has nothing; prints the pids: agent, idle one, program. */
const root = await Agent.start()
const top = await root.fork()
const middle = await top.fork()
const idle = await top.fork()
const pids = [top.pid, idle.pid]
const sleeper = await (await middle.fork()).exec('/bin/sleep', ['sleep', '1000'], { stdio: 'null' })
pids.push(sleeper.pid)
await top.detach()
process.stdout.write(`${pids.join(' ')}\n`)
