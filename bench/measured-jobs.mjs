// Runs in a Node process of its own, as plain JavaScript: a loader's thread and heap would be measured with it.
import { readdirSync, readFileSync } from 'node:fs'
import { Sandbox } from 'carrel'
import { Agent } from 'carrel/process'
import { program } from 'carrel/program'
import { bareSpawn, drain, serveJobs, timed, timedUs } from './serve-jobs.mjs'

const MIB = 2 ** 20
const ballast = Array.from({ length: Math.ceil(Number(process.argv[2]) / 64) }, () => Buffer.alloc(64 * MIB, 1))

let live
const liveBox = () => (live ??= Sandbox.create())
let agent
let kinds = 0
const liveAgent = () => (agent ??= Agent.start())

async function fresh(options) {
  const box = await Sandbox.create(options)
  const { exitCode } = await box.run('/bin/true')
  await box.close()
  if (exitCode !== 0) throw new Error(`/bin/true exited with ${exitCode}`)
}

async function boxSpawn(path, args) {
  const child = await (await liveBox()).spawn(path, args, { stdio: ['null', 'pipe', 'pipe'] })
  let bytes = 0
  child.stdout.on('data', (chunk) => (bytes += chunk.length))
  child.stderr.resume()
  await Promise.all([child.wait(), new Promise((resolve) => child.stdout.on('close', resolve))])
  return bytes
}

function callsProgram(steps) {
  const p = program()
  for (let i = 0; i < steps; i++) p.getppid()
  return p
}
const [one, forty] = [callsProgram(1), callsProgram(40)]

/** Private memory of a process in KiB (smaps_rollup, proc_pid_smaps(5)). */
function privateKib(pid) {
  const text = readFileSync(`/proc/${pid}/smaps_rollup`, 'utf8')
  return [...text.matchAll(/^Private_\w+:\s+(\d+) kB/gm)].reduce((sum, match) => sum + Number(match[1]), 0)
}

/** What must be the same before and after. */
const traces = () => ({
  descriptors: readdirSync('/proc/self/fd').length,
  mounts: readFileSync('/proc/self/mountinfo', 'utf8').split('\n').length,
  children: readFileSync(`/proc/${process.pid}/task/${process.pid}/children`, 'utf8').split(' ').length,
})

/** Many sandboxes, each with a command that runs. */
async function crowd(count) {
  await fresh()
  const before = { ...traces(), rss: process.memoryUsage.rss() }
  const begin = performance.now()
  const boxes = await Promise.all(Array.from({ length: count }, () => Sandbox.create()))
  const created = performance.now()
  await Promise.all(boxes.map((box) => box.spawn('sleep', ['600'], { stdio: 'null' })))
  const started = performance.now()
  const nodeMib = (process.memoryUsage.rss() - before.rss) / MIB
  const agentsKib = boxes.reduce((sum, box) => sum + privateKib(box.pid), 0)
  const beside = await timed(20, () => fresh())
  const closing = performance.now()
  await Promise.all(boxes.map((box) => box.close()))
  const closed = performance.now()
  const after = traces()
  const left = Object.keys(after).filter((name) => after[name] > before[name])
  const alive = boxes.filter((box) => isAlive(box.pid)).length
  return {
    createdMs: created - begin,
    startedMs: started - begin,
    nodeMib,
    agentsMib: agentsKib / 1024,
    beside,
    closedMs: closed - closing,
    left: [...left, ...(alive > 0 ? [`${alive} processes`] : [])],
  }
}

function isAlive(pid) {
  try {
    return process.kill(pid, 0)
  } catch {
    return false
  }
}

/** What Node itself computes for one fresh sandbox, in milliseconds of CPU time. */
async function cpu(count) {
  const times = []
  for (let i = 0; i < count; i++) {
    const begin = process.cpuUsage()
    await fresh()
    const { user, system } = process.cpuUsage(begin)
    times.push((user + system) / 1000)
  }
  return times
}

const JOBS = {
  fresh: (count) => timed(count, () => fresh()),
  /** Each with a file that none before had, so that nothing can be shared or prepared */
  freshUnlike: (count) => timed(count, () => fresh({ etc: { [`carrel-bench-${++kinds}`]: '' } })),
  freshHostNet: (count) => timed(count, () => fresh({ net: 'host' })),
  live: async (count) => {
    const box = await liveBox()
    return timed(count, () => box.run('/bin/true'))
  },
  spawn: (count) => timed(count, () => bareSpawn('/bin/true', [])),
  cpu,
  call: async (count) => {
    const { sys } = await liveAgent()
    return timedUs(count, () => sys.getppid())
  },
  one: async (count) => {
    const root = await liveAgent()
    return timedUs(count, () => root.run(one))
  },
  forty: async (count) => {
    const root = await liveAgent()
    return timedUs(count, () => root.run(forty))
  },
  drainBox: (size) => drain(boxSpawn, size),
  drainSpawn: (size) => drain(bareSpawn, size),
  crowd,
  memory: async () => {
    const [root, box] = [await liveAgent(), await liveBox()]
    await new Promise((resolve) => setTimeout(resolve, 100))
    return { rootKib: privateKib(root.pid), initKib: privateKib(box.pid) }
  },
  /** Where a default sandbox has its groups: its name and the pid of its first process */
  identify: async () => {
    const { id, pid } = await liveBox()
    return { id, pid }
  },
  rssMib: () => process.memoryUsage.rss() / MIB,
}

serveJobs(JOBS, async () => {
  await (await live)?.close()
  await (await agent)?.close()
  // Held until here: the collector would take it before anything is measured.
  ballast.length = 0
})
