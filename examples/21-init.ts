// Shows: an init. PID 1 of a pid namespace starts services, restarts those that end, reaps what nobody waits for, and ends all
// in reverse order on SIGTERM. With --stay it lives until it gets SIGTERM; otherwise it sends itself one.
import assert from 'node:assert/strict'
import { setTimeout as sleep } from 'node:timers/promises'
import { Agent, type Process } from 'carrel/process'

const SERVICES = {
  database: 'trap "echo database: closed; exit" TERM; while :; do sleep 0.01; done',
  // Leaves a child behind when it ends: PID 1 becomes its parent.
  daemon: 'sleep 0.05 & exec sleep 0.02',
  web: 'trap "echo web: closed; exit" TERM; while :; do sleep 0.01; done',
} as const
const WAIT_MS = { first: 10, most: 1000, grace: 2000 }

await using root = await Agent.start()
const init = await root.clone(['CLONE_NEWUSER', 'CLONE_NEWPID'])
init.watchSignals(['SIGTERM'])
const events = init.events()
const running = new Map<string, Process>()
const started = new Set<number>()
const log: string[] = []
const say = (line: string) => console.log(log[log.push(line) - 1])
let isEnding = false

async function supervise(name: string, script: string): Promise<void> {
  for (let delay = WAIT_MS.first; !isEnding; delay = Math.min(2 * delay, WAIT_MS.most)) {
    const service = await (await init.fork()).exec('/bin/sh', ['sh', '-c', script], { env: { PATH: '/usr/bin:/bin' } })
    service.stdout.on('data', (text) => say(String(text).trim()))
    running.set(name, service)
    started.add(service.pid)
    if (isEnding) service.kill('SIGTERM')
    say(`${name}: started as ${service.pid}`)
    const exit = await service.exited
    say(`${name}: ${exit.kind === 'exited' ? `ended with ${exit.code}` : `ended by ${exit.signal}`}`)
    if (!isEnding) await sleep(delay)
  }
}

const all = Object.entries(SERVICES).map(([name, script]) => supervise(name, script))
const stays = process.argv.includes('--stay')
if (!stays) setTimeout(() => init.kill('SIGTERM'), 500)
process.once('SIGTERM', () => init.kill('SIGTERM'))
const ended: number[] = []
for await (const event of events) {
  if (event.type === 'exited') ended.push(event.pid)
  if (event.type === 'signal') break
}
isEnding = true
for (const name of Object.keys(SERVICES).reverse()) {
  const patience = setTimeout(() => running.get(name)?.kill('SIGKILL'), WAIT_MS.grace)
  running.get(name)?.kill('SIGTERM')
  await running.get(name)?.exited
  clearTimeout(patience)
}
await Promise.all(all)
const orphans = ended.filter((pid) => !started.has(pid))
say(`reaped ${orphans.length} orphans`)
const endOf = (name: string) => log.findLastIndex((line) => line.startsWith(`${name}: ended`))
assert(stays || (orphans.length > 0 && log.filter((line) => line.startsWith('daemon: started')).length > 1))
assert(endOf('web') < endOf('database'))
