import { Agent } from '../../../src/process/agent.ts'

/**
 * A tree whose parts have different lifetimes; prints their pids as JSON and waits to be killed. Argument: a folder of its own, where
 * programs that are asked to end write their names.
 */
const [folder = '/nonexistent'] = process.argv.slice(2)
const env = { PATH: '/usr/bin:/bin' }
const root = await Agent.start()
const middle = await root.fork()

async function start(parent: Agent, name: string, lifetime: 'attached' | 'detached' = 'attached'): Promise<number> {
  const script = `trap 'echo ${name} >> ${folder}/asked; exit 0' TERM; echo ready; while :; do sleep 0.02; done`
  const child = await parent.fork()
  const sh = await child.exec('/bin/sh', ['sh', '-c', script], { env, lifetime, stdio: ['null', 'pipe', 'null'] })
  for await (const _ of sh.stdout ?? []) break
  return sh.hostPid as number
}

const polite = await middle.fork()
await polite.setopt('signaloneof', 15)
const detachedAgent = await middle.fork()
const pids = {
  root: root.pid,
  middle: middle.pid,
  attached: await start(middle, 'attached'),
  detached: await start(middle, 'detached', 'detached'),
  polite: await start(polite, 'polite'),
  belowDetached: await start(detachedAgent, 'below'),
}
await detachedAgent.detach()
process.stdout.write(`${JSON.stringify(pids)}\n`)
setInterval(() => {}, 1000)
