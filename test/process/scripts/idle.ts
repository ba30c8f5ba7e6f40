import { Agent } from '../../../src/process/agent.ts'

/** Ends by itself, though agents stand idle and their events are listened to. */
const root = await Agent.start()
const child = await root.fork()
await child.fork()
child.watchSignals(['SIGUSR1'])
root.onEnd(1, null)
const events = root.events()
void events.next()
process.stdout.write(`${root.pid}\n`)
