import { setTimeout as sleep } from 'node:timers/promises'
import { Agent } from '../../../src/process/agent.ts'

/** What a caller's own mistake, and an order that cannot be carried out, do to the process and to its agent. Argument: which. */
await using root = await Agent.start()
const child = await root.fork()
process.on('uncaughtException', (error) => process.stdout.write(`uncaught ${error.message}\n`))
process.on('unhandledRejection', (error) => process.stdout.write(`unhandled ${String(error)}\n`))
if (process.argv[2] === 'callback') {
  await child.sigaction('SIGUSR1', () => {
    throw new Error('in the callback')
  })
  await child.sys.kill(child.pid, 'SIGUSR1')
  await sleep(20)
  process.stdout.write(`${(await child.sys.getpid()) === child.pid ? 'agent is there' : ''}\n`)
} else {
  const controller = new AbortController()
  const program = await (
    await child.fork()
  ).exec('/bin/sleep', ['sleep', '1000'], { linked: controller, stdio: 'null' })
  await child.detach()
  controller.abort()
  await sleep(20)
  process.kill(program.pid, 'SIGKILL')
  process.stdout.write('quiet\n')
}
