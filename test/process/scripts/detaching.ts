import { Agent } from '../../../src/process/agent.ts'
import { program } from '../../../src/program/builder.ts'

/** Detaches a tree with a program that outlives it. Arguments: a folder of its own, the program's script. */
const [folder = '/nonexistent', script = ''] = process.argv.slice(2)
const root = await Agent.start()
const child = await root.fork()
const p = program()
p.unlinkat('AT_FDCWD', `${folder}/held`, ['AT_REMOVEDIR'])
root.onEnd(1, p)
const sh = await child.exec('/bin/sh', ['sh', '-c', script], { stdio: 'null', env: { PATH: '/usr/bin:/bin' } })
await root.detach()
process.stdout.write(`${root.pid} ${sh.pid}\n`)
process.exit(0)
