import { Agent } from '../../../src/process/agent.ts'

// Prints at its own end whether the grandchild, which holds both pipes for long, was waited for.
const begin = performance.now()
const root = await Agent.start()
const child = await root.fork()
const sh = await child.exec('/bin/sh', ['sh', '-c', 'sleep 60 & echo unread'], { env: { PATH: '/usr/bin:/bin' } })
await sh.exited
process.on('exit', () => console.log(performance.now() - begin < 30_000 ? 'exited early' : 'waited'))
