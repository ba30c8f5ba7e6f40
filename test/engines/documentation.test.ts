import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { after, before, test } from 'node:test'
import { RUNTIME } from '../support/oci.ts'
import { requires } from '../support/requires.ts'
import { blockFor, blockOf, codeBlocks } from './documentation.ts'
import { Room } from './room.ts'

// The blocks of docs/engines.md that no engine of Debian reads, held against the names that their documentation gives; the others are
// what the engines of the other files run with.

const EXECUTABLE = '/usr/local/bin/carrel-oci'
const options = requires({ root: true })
let room: Room | undefined
before(async () => {
  if (!options.skip) room = await Room.open('documentation')
})
after(() => room?.close())

test('docs/engines.md has no block that no test reads', () => {
  const read = [
    'Engines: carrel-oci --version',
    'podman: /etc/containers/containers.conf.d/carrel-oci.conf',
    'podman: /etc/containers/containers.conf.d/without-systemd.conf',
    'docker: /etc/docker/daemon.json',
    'containerd and Kubernetes: /etc/containerd/config.toml',
    'containerd and Kubernetes: kind: RuntimeClass',
    'containerd and Kubernetes: kind: Pod',
    'CRI-O: /etc/crio/crio.conf.d/10-carrel-oci.conf',
    'Nomad: /etc/nomad.d/docker.hcl',
    'Nomad: task "main" {',
    'buildah: export BUILDAH_RUNTIME=/usr/local/bin/carrel-oci',
  ]
  const named = codeBlocks().map(({ section, file, language, code }) => {
    const kind = /^kind: .*$/m.exec(code)?.[0]
    const what = language === 'yaml' ? kind : code.startsWith('task') ? code.split('\n')[0] : file
    return `${section}: ${what ?? code.split('\n')[0]}`
  })
  assert.deepEqual(named, read)
})

test('the commands that docs/engines.md begins with work', options, async () => {
  assert.ok(room)
  for (const line of ['carrel-oci --version', 'carrel-oci features']) {
    assert.ok(blockOf('sh', line))
    // Debian's crun has no features yet.
    if (RUNTIME.name !== 'crun' || !line.endsWith('features')) assert.notEqual(await room.text(line.split(' ')), '')
  }
})

test('the CRI-O configuration has only options of crio.conf(5), and names the executable', () => {
  const { crio } = parseToml(blockFor('/etc/crio/crio.conf.d/10-carrel-oci.conf').code) as CrioConfig
  assert.deepEqual(Object.keys(crio), ['runtime'])
  assert.deepEqual(Object.keys(crio.runtime), ['runtimes'])
  const { 'carrel-oci': handler, ...others } = crio.runtime.runtimes
  assert.deepEqual(others, {})
  // crio.conf(5), table crio.runtime.runtimes
  const known = [
    'runtime_path',
    'runtime_type',
    'runtime_root',
    'monitor_path',
    'monitor_cgroup',
    'allowed_annotations',
  ]
  for (const key of Object.keys(handler ?? {})) assert.ok(known.includes(key), key)
  assert.equal(handler?.['runtime_path'], EXECUTABLE)
  assert.equal(handler?.['runtime_type'], 'oci')
})

test('the RuntimeClass is one of node.k8s.io/v1, and leads from the pod to the handler', () => {
  const runtimeClass = scalarsOf(blockOf('yaml', 'kind: RuntimeClass').code)
  assert.deepEqual(runtimeClass, {
    apiVersion: 'node.k8s.io/v1',
    kind: 'RuntimeClass',
    'metadata.name': 'carrel',
    handler: 'carrel-oci',
  })
  const pod = scalarsOf(blockOf('yaml', 'kind: Pod').code)
  assert.equal(pod['apiVersion'], 'v1')
  assert.equal(pod['spec.runtimeClassName'], runtimeClass['metadata.name'])
  for (const file of ['/etc/containerd/config.toml', '/etc/crio/crio.conf.d/10-carrel-oci.conf']) {
    assert.match(blockFor(file).code, new RegExp(String.raw`\.runtimes\.${runtimeClass['handler']}\]$`, 'm'))
  }
})

test('the Nomad client allows the runtime that docker knows, and the job asks for it', () => {
  const client = blockFor('/etc/nomad.d/docker.hcl').code
  const task = blockOf('hcl', 'task "main" {').code
  const { runtimes } = JSON.parse(blockFor('/etc/docker/daemon.json').code) as { runtimes: Record<string, unknown> }
  const [name] = Object.keys(runtimes)
  assert.equal(
    client.replaceAll(/\s+/g, ' ').trim(),
    `plugin "docker" { config { allow_runtimes = ["runc", "${name}"] } }`,
  )
  // Options of the docker driver's task configuration.
  const inner = /config \{([^}]*)\}/.exec(task)?.[1] ?? ''
  const keys = [...inner.matchAll(/^\s*(\w+)\s*=/gm)].map(([, key]) => key)
  assert.deepEqual(keys, ['image', 'command', 'args', 'runtime'])
  assert.match(inner, new RegExp(String.raw`^\s*runtime = "${name}"$`, 'm'))
  assert.match(task, /^\s*driver = "docker"$/m)
})

interface CrioConfig {
  readonly crio: {
    readonly runtime: { readonly runtimes: Readonly<Record<string, Readonly<Record<string, unknown>>>> }
  }
}

function parseToml(text: string): unknown {
  const script = 'import json, sys, tomllib; print(json.dumps(tomllib.loads(sys.stdin.read())))'
  return JSON.parse(execFileSync('python3', ['-c', script], { input: text, encoding: 'utf8' }))
}

/** Scalars of nested mappings of YAML by their paths; lists are left out. */
function scalarsOf(yaml: string): Readonly<Record<string, string>> {
  const path: string[] = []
  const scalars: Record<string, string> = {}
  for (const line of yaml.split('\n')) {
    const [, indent = '', key = '', value = ''] = /^( *)([A-Za-z]+):(?: (.*))?$/.exec(line) ?? []
    if (key === '') continue
    path.splice(indent.length / 2, path.length, key)
    if (value !== '') scalars[path.join('.')] = value
  }
  return scalars
}
