import { Agent } from '../../../src/process/agent.ts'

/** Runs a shell script as a command of a process two levels down, and says so once it has been made. Argument: the script. */
const [script = ''] = process.argv.slice(2)
const root = await Agent.start()
const caller = await root.fork()
const running = caller.sh(script, { env: { PATH: '/usr/bin:/bin' } })
process.stdout.write(`${root.pid}\n`)
await running
