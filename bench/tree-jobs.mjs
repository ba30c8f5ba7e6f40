// Jobs in a tree of agents, in a Node process of its own (measured-process.ts).
import { Agent } from 'carrel/process'
import { bareFifo, bareSpawn, drain, serveJobs, timedUs } from './serve-jobs.mjs'

let root
const liveRoot = () => (root ??= Agent.start())

/**
 * Puts this process and every agent on one processor: a call then costs the same whichever of two the kernel would have woken the
 * agent on, which is a multiple of it and stays as it is for hundreds of calls.
 */
async function pin() {
  const { sys } = await liveRoot()
  const [first] = await sys.sched_getaffinity(0)
  await sys.sched_setaffinity(process.pid, [first])
  await sys.sched_setaffinity(0, [first])
}

const chains = new Map()

/** The agent `depth` forks below the root, in a chain of its own. */
async function below(depth, chain = 'chain') {
  if (depth === 0) return liveRoot()
  const key = `${chain} ${depth}`
  if (!chains.has(key)) chains.set(key, await (await below(depth - 1, chain)).fork())
  return chains.get(key)
}

async function calls(agent, count) {
  const { sys } = await agent
  return timedUs(count, () => sys.getppid())
}

let blocked

/** At the same depth in a chain of its own, whose middle sits in read(2) of a pipe into which nobody writes. */
async function belowBlocked() {
  const leaf = await below(3, 'blocked')
  if (blocked === undefined) {
    const middle = await below(2, 'blocked')
    const { read: end } = await middle.sys.pipe2(['O_CLOEXEC'])
    blocked = middle.sys.read(end, 1)
    blocked.catch(() => {})
    if (await answers(middle)) throw new Error('The process in the middle answers: it is not blocked')
  }
  return leaf
}

const answers = (agent) =>
  agent.sys.getpid({ timeoutMs: 50 }).then(
    () => true,
    () => false,
  )

/** Runs a program `depth` forks below the root: the number of bytes of its stdout. */
async function spawnAt(depth, path, args) {
  const child = await (await below(depth - 1)).fork()
  const program = await child.exec(path, [path, ...args], { env: process.env, stdio: ['null', 'pipe', 'null'] })
  let bytes = 0
  program.stdout.on('data', (chunk) => (bytes += chunk.length))
  await Promise.all([program.exited, new Promise((resolve) => program.stdout.on('close', resolve))])
  return bytes
}

/** Makes a child `count` times and ends it, which is not in the time unless `make` does it. */
async function births(count, make) {
  const parent = await liveRoot()
  const times = []
  for (let i = 0; i < count; i++) {
    const begin = performance.now()
    const child = await make(parent)
    times.push((performance.now() - begin) * 1000)
    await child.close()
  }
  return times
}

async function forkAndAsk(parent) {
  const child = await parent.fork()
  await child.sys.getpid()
  return child
}

async function forkAndClose(parent) {
  const child = await parent.fork()
  await child.close()
  return child
}

const BLOCK = '64K'

serveJobs(
  {
    pin,
    callAt1: (count) => calls(below(1), count),
    callAt64: (count) => calls(below(64), count),
    callAt3: (count) => calls(below(3), count),
    callBelowBlocked: (count) => calls(belowBlocked(), count),
    drainAt1: (size) => drain((path, args) => spawnAt(1, path, args), size, BLOCK),
    drainAt16: (size) => drain((path, args) => spawnAt(16, path, args), size, BLOCK),
    drainFifo: (size) => drain(bareFifo, size, BLOCK),
    drainSpawn: (size) => drain(bareSpawn, size, BLOCK),
    fork: (count) => births(count, (parent) => parent.fork()),
    forkAndAsk: (count) => births(count, forkAndAsk),
    reexec: async (count) => {
      const child = await (await liveRoot()).fork()
      const times = await timedUs(count, () => child.reexec())
      await child.close()
      return times
    },
    forkAndClose: (count) => births(count, forkAndClose),
  },
  async () => (await root)?.close(),
)
