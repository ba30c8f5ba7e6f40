// Step 2: a host name of its own, by a UTS namespace.
import { hostname } from 'node:os'
import { Agent } from 'carrel/process'
import { claim, main } from './command-line.ts'

await main({
  needs: 'for a namespace',

  async run(execute) {
    await using root = await Agent.start()
    const child = await root.clone(['CLONE_NEWUTS'])
    await child.sys.sethostname('container')
    return await execute(child)
  },

  async check(sh) {
    const before = hostname()
    claim('It has a name of its own', await sh('uname -n; hostname again; uname -n'), 'container\nagain')
    claim("the host's is unchanged", hostname(), before)
    claim('not yet: it sees all processes', await sh(`cat /proc/${process.pid}/comm`), 'node')
    claim('not yet: it may signal them', await sh(`kill -0 ${process.pid} && echo yes`), 'yes')
  },
})
