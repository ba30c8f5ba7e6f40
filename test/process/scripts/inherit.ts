import { Agent } from '../../../src/process/agent.ts'

/** Gives a program its own streams. */
await using root = await Agent.start()
const child = await root.fork()
const sh = await child.exec('/bin/sh', ['sh', '-c', 'echo out of the program; echo err of the program >&2'], {
  stdio: 'inherit',
})
if (sh.stdout !== null || sh.stdin !== null) throw new Error('inherited streams have no ends here')
await sh.exited
