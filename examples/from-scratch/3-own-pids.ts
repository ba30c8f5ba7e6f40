// Step 3: process numbers of its own, by a PID namespace. Its PID 1 stays an agent: the command is its child, and it reaps whatever
// loses its parent. When PID 1 ends, the kernel ends all others.
import { readlinkSync } from 'node:fs'
import { Agent } from 'carrel/process'
import { claim, main } from './command-line.ts'

await main({
  needs: 'for namespaces',

  async run(execute) {
    await using root = await Agent.start()
    const init = await root.clone(['CLONE_NEWUTS', 'CLONE_NEWPID'])
    await init.sys.sethostname('container')
    const child = await init.fork()
    return await execute(child)
  },

  async check(sh) {
    claim('Its command is number 2', await sh('echo $$ $PPID'), '2 1')
    claim("it cannot signal the host's processes", await sh(`kill -0 ${process.pid} 2>/dev/null || echo no`), 'no')
    claim('not yet: /proc still shows them', await sh(`cat /proc/${process.pid}/comm`), 'node')
    claim("so ps lists the host's", await sh(`ls /proc | grep -x ${process.pid}`), `${process.pid}`)
    claim(
      'not yet: it has the mounts of the host',
      await sh('readlink /proc/self/ns/mnt'),
      readlinkSync('/proc/self/ns/mnt'),
    )
  },
})
