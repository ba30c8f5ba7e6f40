import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { IMAGE } from './busybox-image.ts'
import { Containerd } from './containerd.ts'
import { CriClient, type Message } from './cri-client.ts'
import { blockOf } from './documentation.ts'
import { KernelView } from './kernel-view.ts'
import type { Room } from './room.ts'
import { useEngine } from './use-engine.ts'

// What a kubelet does for a pod whose RuntimeClass names the handler of docs/engines.md: the same calls of the same interface.

/** api.proto: whose a namespace is */
const CONTAINER = 1
const NODE = 2
const MIB = 1024 * 1024

const use = useEngine('kubernetes', '/usr/bin/containerd', openCluster)
const { options } = use

async function openCluster(room: Room): Promise<Containerd> {
  // A pod's first process is to be spared when memory is short, which takes CAP_SYS_RESOURCE: not every machine's root has it.
  const modest = '\n[plugins."io.containerd.grpc.v1.cri"]\nrestrict_oom_score_adj = true\n'
  const containerd = await Containerd.start(room, modest)
  await containerd.text('--namespace', 'k8s.io', 'images', 'import', room.image)
  // The image that holds a pod's namespaces is ours under its usual name.
  const config = await room.text(['containerd', 'config', 'dump'])
  const pause = /sandbox_image = "([^"]+)"/.exec(config)?.[1] ?? ''
  await containerd.text('--namespace', 'k8s.io', 'images', 'tag', IMAGE, pause)
  return containerd
}

test('containerd runs a pod of the RuntimeClass with the runtime that its configuration names', options, async () => {
  const { room } = use
  const [, runtimeClass] = /^handler: (\S+)$/m.exec(blockOf('yaml', 'kind: RuntimeClass').code) ?? []
  assert.equal(runtimeClass, 'carrel-oci')
  using client = new CriClient(room.path('run/containerd/containerd.sock'))
  const before = room.calls().length
  const pod: Message = {
    1: { 1: 'example', 2: 'uid-1', 3: 'default' },
    // No network of its own: a pod's needs plugins that are not the runtime's matter.
    8: { 1: '/default', 2: { 1: { 1: NODE } } },
  }
  const sandbox = await textOf(client.call('RunPodSandbox', { 1: pod, 2: runtimeClass }))
  const linux: Message = { 1: { 4: 48 * MIB }, 2: { 3: { 1: NODE, 2: CONTAINER } } }
  const config: Message = { 1: { 1: 'main' }, 2: { 1: IMAGE }, 3: ['sleep'], 4: ['1000'], 15: linux }
  const container = await textOf(client.call('CreateContainer', { 1: sandbox, 2: config, 3: pod }))
  await client.call('StartContainer', { 1: container })

  const bundles = room
    .calls()
    .slice(before)
    .filter((call) => / create --bundle /.test(call))
  assert.deepEqual(
    bundles.map((call) => call.split(' ').at(-1)),
    [sandbox, container],
  )
  const pidOf = async (id: string): Promise<KernelView> => {
    const rows = await use.engine.text('--namespace', 'k8s.io', 'task', 'ls')
    const row = rows.split('\n').find((each) => each.startsWith(id))
    return new KernelView(room, row?.split(/\s+/)[1] ?? 0)
  }
  const [holder, main] = [await pidOf(sandbox), await pidOf(container)]
  assert.deepEqual(main.commandLine, ['sleep', '1000'])
  for (const name of ['ipc', 'uts', 'net']) assert.equal(main.namespace(name), holder.namespace(name), name)
  for (const name of ['mnt', 'pid']) assert.notEqual(main.namespace(name), holder.namespace(name), name)
  assert.equal(main.memoryLimit, 48 * MIB)
  assert.match(main.group('memory'), new RegExp(`/${room.group}/default/${container}$`))

  const answer = await client.call('ExecSync', { 1: container, 2: ['sh', '-c', 'echo inside; exit 4'], 3: 10 })
  assert.deepEqual([answer.get(1), answer.get(3)], ['inside\n', 4])
  await client.call('StopContainer', { 1: container })
  await eventually(
    () => !main.isAlive,
    () => 'the container has ended',
  )
  await client.call('RemoveContainer', { 1: container })
  await client.call('StopPodSandbox', { 1: sandbox })
  await client.call('RemovePodSandbox', { 1: sandbox })
  assert.equal(holder.isAlive, false)
})

/** The first field of an answer: the id of what was made. */
async function textOf(answer: Promise<ReadonlyMap<number, string | number>>): Promise<string> {
  return String((await answer).get(1))
}
