import { Agent } from '../../../src/process/agent.ts'

/** Lives as long as the program whose end it awaits, which has no streams that would keep it alive. */
const root = await Agent.start()
const child = await root.fork()
const sleeper = await child.exec('/bin/sh', ['sh', '-c', 'sleep 0.3; exit 5'], { stdio: 'null' })
const exit = await sleeper.exited
process.stdout.write(`${exit.kind} ${exit.kind === 'exited' ? exit.code : exit.signal}\n`)
