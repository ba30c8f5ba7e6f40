import { Agent } from '../../../src/process/agent.ts'
import type { StartOptions } from '../../../src/process/connection/start.ts'

/** Starts a root as the JSON of the first argument says, and prints what it may do: the errno of each attempt, or `done`. */
const outcome = (work: Promise<unknown>): Promise<string> =>
  work.then(
    () => 'done',
    (error: Error & { errno?: string }) => error.errno ?? error.message,
  )
const [how = '{}'] = process.argv.slice(2)
try {
  await using root = await Agent.start(JSON.parse(how) as StartOptions)
  const child = await root.fork()
  const id = await child.sys.getuid()
  const unshare = await outcome(child.sys.unshare(['CLONE_NEWUTS']))
  const hostname = unshare === 'done' ? await outcome(child.sys.sethostname('elsewhere')) : unshare
  const shadow = await outcome(child.sys.openat('AT_FDCWD', '/etc/shadow', ['O_RDONLY', 'O_CLOEXEC']))
  const setuid = await outcome(child.sys.setuid(0))
  process.stdout.write(`uid ${id}, sethostname ${hostname}, shadow ${shadow}, setuid ${setuid}\n`)
} catch (error) {
  process.stdout.write(`${String(error)}\n`)
}
