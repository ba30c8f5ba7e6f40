import { parentPort } from 'node:worker_threads'
import { tsImport } from 'tsx/esm/api'

const { Agent } = await tsImport('../../../src/process/agent.ts', import.meta.url)
const agent = await Agent.start()
const child = await agent.fork()
await child.sys.getpid()
parentPort.postMessage([agent.pid, child.pid])
parentPort.once('message', () => agent.close())
