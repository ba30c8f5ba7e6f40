import { Agent } from '../../../src/process/agent.ts'
import type { StartOptions } from '../../../src/process/connection/start.ts'

/**
 * Starts a root as the JSON of the first argument says, prints its pids, and has root and child block. `wait`: stays; `close`: ends
 * them by close().
 */
const [how = '{}', what = 'close'] = process.argv.slice(2)
const root = await Agent.start(JSON.parse(how) as StartOptions)
const child = await root.fork()
const pids = [root.pid, await root.sys.getpid(), await child.sys.getpid()]
const blocked = [root, child].map((each) => each.sys.nanosleep({ tv_sec: 98_765, tv_nsec: 0 }).catch(() => {}))
process.stdout.write(`${pids.join(' ')}\n`)
if (what === 'close') {
  const begin = performance.now()
  await root.close()
  await Promise.all(blocked)
  process.stdout.write(`closed ${performance.now() - begin < 4000 ? 'at once' : 'late'}\n`)
}
await Promise.all(blocked)
