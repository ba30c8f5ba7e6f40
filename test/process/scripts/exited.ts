import { Agent } from '../../../src/process/agent.ts'

/** Asks for the end of an agent that a shell kills a little later, and waits for nothing else. Argument: `listen` does not wait. */
const root = await Agent.start()
const child = await root.fork()
const { pid } = await (
  await root.fork()
).exec('/bin/sh', ['sh', '-c', `sleep 0.3; kill -KILL ${child.pid}`], {
  stdio: 'null',
  lifetime: 'detached',
})
if (process.argv[2] === 'listen') {
  child.onExit(() => process.stdout.write('heard\n'))
  process.kill(pid, 'SIGKILL')
} else {
  const exit = await child.exited
  process.stdout.write(`${exit.kind === 'signaled' ? exit.signal : exit.code}\n`)
}
