// Jobs with cgroups, in a Node process of its own (measured-process.ts).
import { Cgroup } from 'carrel/cgroup'
import { Agent } from 'carrel/process'
import { Sandbox } from 'carrel'
import { serveJobs, timed, timedUs } from './serve-jobs.mjs'

/** What a group of the benchmark is limited to: every controller has something to write. */
const RESOURCES = { memory: { limit: 256 * 2 ** 20 }, pids: { limit: 64 }, cpu: { shares: 512 } }

let root
const liveRoot = () => (root ??= Agent.start())

let made = 0
const nextName = () => `carrel-bench-${process.pid}-${made++}`

let sleeper

/** A child that does nothing, for being put into groups. */
const liveSleeper = async () => (sleeper ??= await (await liveRoot()).fork())

/** Where the groups are made, what is written, and where a process came from: what groups.c has to do to do the same. */
async function steps() {
  const group = await Cgroup.create(await liveRoot(), nextName(), RESOURCES)
  await group.destroy()
  return { places: group.places, resources: RESOURCES }
}

/** A group is made, a process put into it and back, the group removed. */
async function cycles(count) {
  const agent = await liveRoot()
  const child = await liveSleeper()
  const home = await Cgroup.open(agent, await parents())
  return timedUs(count, async () => {
    const group = await Cgroup.create(agent, nextName(), RESOURCES)
    await group.add(child.hostPid)
    await home.add(child.hostPid)
    await group.destroy()
  })
}

/** The directories in which the groups are made, as places. */
async function parents() {
  const { places } = await steps()
  return places.map(({ directory, ...rest }) => ({ ...rest, directory: directory.replace(/\/[^/]*$/, '') }))
}

const live = []

/** Makes so many groups beside everything else. */
async function keep(count) {
  const agent = await liveRoot()
  while (live.length < count) live.push(await Cgroup.create(agent, nextName(), RESOURCES))
  while (live.length > count) await live.pop().destroy()
  return live.length
}

/** Reads what all live groups use, in one pass. */
const statistics = async (count) => {
  const agent = await liveRoot()
  return timed(count, async () => {
    const all = await Cgroup.statistics(agent, live)
    if (all.length !== live.length || all.some(({ memory, pids }) => !memory || !pids)) throw new Error('incomplete')
  })
}

/** The files that one pass reads. */
const files = () =>
  live.flatMap((group) => group.statisticsFiles(['cpu', 'memory', 'pids', 'io']).map(({ path }) => path))

const sandboxes = (count) =>
  timed(count, async () => {
    const box = await Sandbox.create()
    await box.close()
  })

serveJobs({ steps, parents, cycles, keep, statistics, files, sandboxes }, async () => {
  await keep(0)
  await sleeper?.close()
  await (await root)?.close()
})
