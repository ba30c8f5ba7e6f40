// Step 1: run a command on this terminal and end with its exit code. Nothing is isolated.
import { readlinkSync } from 'node:fs'
import { hostname } from 'node:os'
import { Agent } from 'carrel/process'
import { claim, main } from './command-line.ts'

await main({
  async run(execute) {
    // A process that waits for orders. Whatever is made below it ends with it.
    await using root = await Agent.start()
    const child = await root.fork()
    return await execute(child)
  },

  async check(sh) {
    claim('It runs a command', await sh('echo hello'), 'hello')
    claim("not yet: the host's name", await sh('uname -n'), hostname())
    claim("not yet: the host's processes", await sh(`cat /proc/${process.pid}/comm`), 'node')
    for (const kind of ['uts', 'pid', 'mnt', 'net', 'ipc', 'user', 'cgroup']) {
      const name = `/proc/self/ns/${kind}`
      claim(`not yet: the host's ${kind} namespace`, await sh(`readlink ${name}`), readlinkSync(name))
    }
  },
})
