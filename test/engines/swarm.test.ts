import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { IMAGE } from './busybox-image.ts'
import { Docker } from './docker.ts'
import { KernelView } from './kernel-view.ts'
import type { Room } from './room.ts'
import { useEngine } from './use-engine.ts'

// A swarm of one node. Its tasks run with the daemon's default runtime; services are found by the addresses of their tasks (dnsrr), because
// virtual addresses need IPVS, which not every kernel has.

const use = useEngine('swarm', '/usr/sbin/dockerd', openSwarm)
const { options } = use

async function openSwarm(room: Room): Promise<Docker> {
  const docker = await Docker.start(room)
  await docker.text('swarm', 'init', '--advertise-addr', '127.0.0.1', '--listen-addr', '127.0.0.1')
  // With a first service, an attachable network and what both leave for good.
  await createService(docker, 'first', ['--replicas', '1'], 'sleep', '1000')
  await eventually(
    async () => (await tasksOf(docker, 'first')).length === 1,
    () => 'the first service runs',
    30_000,
  )
  await docker.text('service', 'rm', 'first')
  await eventually(
    async () => (await docker.text('ps', '--all', '--quiet')) === '',
    () => 'the first service is gone',
    30_000,
  )
  return docker
}

/** A task of a service, as the kernel sees its first process. */
interface Task {
  readonly id: string
  readonly view: KernelView
}

async function createService(
  docker: Docker,
  name: string,
  words: readonly string[],
  ...command: string[]
): Promise<void> {
  const usual = ['--detach', '--name', name, '--endpoint-mode', 'dnsrr', '--stop-signal', 'KILL']
  const speed = [
    '--restart-delay',
    '0s',
    '--update-delay',
    '0s',
    '--update-monitor',
    '100ms',
    '--update-parallelism',
    '2',
    '--no-resolve-image',
  ]
  await docker.text('service', 'create', ...usual, ...speed, ...words, IMAGE, ...command)
}

/** Those that run. */
async function tasksOf(docker: Docker, service: string): Promise<readonly Task[]> {
  const filter = ['--filter', `label=com.docker.swarm.service.name=${service}`, '--filter', 'status=running']
  const ids = (await docker.text('ps', '--quiet', '--no-trunc', ...filter)).split('\n').filter((id) => id !== '')
  const inspected = await Promise.all(
    ids.map(async (id) => ({
      id,
      pid: Number((await docker.run(['inspect', '--format', '{{.State.Pid}}', id])).stdout),
    })),
  )
  return inspected.flatMap(({ id, pid }) => (pid > 0 ? [{ id, view: new KernelView(docker.room, pid) }] : []))
}

function waitForTasks(service: string, holds: (tasks: readonly Task[]) => boolean): Promise<readonly Task[]> {
  let last: readonly Task[] = []
  return eventually(
    async () => {
      last = await tasksOf(use.engine, service)
      return holds(last) ? last : undefined
    },
    () => `${service} is as it must be; it has ${last.map(({ view }) => view.commandLine.join(' ')).join(', ')}`,
    30_000,
  )
}

async function removeService(...names: readonly string[]): Promise<void> {
  const { engine } = use
  await engine.text('service', 'rm', ...names)
  await eventually(
    async () => (await engine.text('ps', '--all', '--quiet')) === '',
    () => 'all tasks are gone',
    30_000,
  )
}

test('swarm runs five replicas, replaces a killed one, updates two after two', options, async () => {
  const { engine, room } = use
  const before = room.calls().length
  await createService(engine, 'web', ['--replicas', '5', '--limit-memory', '32m'], 'sleep', '1000')
  const first = await waitForTasks('web', (tasks) => tasks.length === 5)
  for (const { id, view } of first) {
    assert.deepEqual(view.commandLine, ['sleep', '1000'])
    assert.equal(view.memoryLimit, 32 * 1024 * 1024)
    // The default runtime, which is ours, has made it.
    assert.ok(
      room
        .calls()
        .slice(before)
        .some((call) => call.endsWith(` start ${id}`)),
    )
  }
  assert.equal(new Set(first.map(({ view }) => view.namespace('net'))).size, 5)

  const victim = first[0]
  assert.ok(victim)
  await room.text(['kill', '-KILL', String(victim.view.pid)])
  const second = await waitForTasks('web', (tasks) => tasks.length === 5 && tasks.every(({ id }) => id !== victim.id))
  const kept = second.filter(({ id }) => first.some((each) => each.id === id))
  assert.equal(kept.length, 4)

  await engine.text('service', 'update', '--detach', '--args', 'sleep 2000', '--no-resolve-image', 'web')
  const isNew = ({ view }: Task): boolean => view.isAlive && view.commandLine[1] === '2000'
  await waitForTasks('web', (tasks) => tasks.some(isNew) && !tasks.every(isNew))
  await waitForTasks('web', (tasks) => tasks.length === 5 && tasks.every(isNew))
  for (const { view } of second) assert.equal(view.isAlive, false)
  await removeService('web')
})

test('swarm services reach each other over an overlay network, and get their secrets', options, async () => {
  const { engine } = use
  await engine.text('network', 'create', '--driver', 'overlay', 'between')
  const { code, stderr } = await engine.run(['secret', 'create', 'word', '-'], { input: 'open sesame' })
  assert.equal(code, 0, stderr)
  const joined = ['--network', 'between']
  await createService(engine, 'server', [...joined, '--secret', 'word'], 'httpd', '-f', '-h', '/run/secrets')
  const fetch = 'until wget -qO /tmp/word http://server/word; do sleep 0.2; done; exec sleep 1000'
  await createService(engine, 'client', joined, 'sh', '-c', fetch)
  const [server] = await waitForTasks('server', (tasks) => tasks.length === 1)
  const [client] = await waitForTasks('client', (tasks) => tasks[0]?.view.commandLine[0] === 'sleep')
  assert.ok(server && client)
  assert.equal(readFileSync(client.view.file('/tmp/word'), 'utf8'), 'open sesame')
  assert.equal(server.view.mount('/run/secrets/word').type, 'tmpfs')
  assert.ok(server.view.mount('/run/secrets/word').options.includes('ro'))
  assert.notEqual(server.view.namespace('net'), client.view.namespace('net'))
  await removeService('server', 'client')
  await engine.text('secret', 'rm', 'word')
  await engine.text('network', 'rm', 'between')
})
