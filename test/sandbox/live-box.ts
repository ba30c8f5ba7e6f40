import { Sandbox } from '../../src/sandbox/index.ts'

// Makes a sandbox, says so, and keeps it until it is killed.
const box = await Sandbox.create({})
process.stdout.write(`${box.id}\n`)
await box.run('sleep', ['1000'])
