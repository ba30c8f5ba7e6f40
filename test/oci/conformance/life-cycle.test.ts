import assert from 'node:assert/strict'
import { cpSync, existsSync, mkdirSync, renameSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { test } from 'node:test'
import { eventually } from '../../support/eventually.ts'
import {
  bundle,
  container,
  created,
  oci,
  ociOk,
  scratch,
  script,
  tryCreate,
  uniqueName,
  useOci,
} from '../../support/oci.ts'
import { writeConfig } from '../../support/oci-bundle.ts'
import { namespaceOf, seen } from '../../support/proc.ts'
import { assertNothingOf, fails, groupsOf, mountsOf, refused } from './expect.ts'

useOci()

test('OCI-B01, OCI-R32: a bundle without config.json, or create without an id, makes nothing', () => {
  const made = bundle()
  fails(['create', '--bundle', made.path])
  rmSync(join(made.path, 'config.json'))
  writeFileSync(join(made.path, 'config.JSON'), JSON.stringify(made.config))
  fails(['create', '--bundle', made.path, basename(made.cgroup)])
  fails(['state', basename(made.cgroup)])
})

test('OCI-B02, OCI-C03: root.path is absolute or relative, and a directory', () => {
  const made = bundle({ process: script('cat /which') }, { files: { which: 'mine' } })
  const elsewhere = join(made.path, 'further/down')
  mkdirSync(dirname(elsewhere))
  renameSync(made.root, elsewhere)
  for (const path of [elsewhere, 'further/down', './further/../further/down']) {
    writeConfig(made.path, { ...made.config, root: { path } })
    assert.equal(ociOk(['run', '--bundle', made.path, uniqueName()]).stdout, 'mine', path)
  }
  refused({ root: { path: 'nowhere' } })
  refused({ root: { path: 'config.json' } })
})

test('OCI-C02: a configuration without a root is refused', () => {
  refused({ root: undefined })
})

test('OCI-R01, OCI-R28, OCI-R31, OCI-R02, OCI-R05, OCI-R07: every operation works on a container, and its state follows', async () => {
  const one = created({ annotations: { 'com.example.key': 'value' } })
  const before = one.state()
  assert.equal(before.status, 'created')
  assert.match(before.ociVersion, /^1\.\d+\.\d+/)
  assert.equal(before.id, one.id)
  assert.equal(before.bundle, one.bundle.path)
  assert.equal(before.pid, one.pid)
  assert.ok(seen(one.pid))
  one.start()
  assert.deepEqual([one.state().status, one.state().pid], ['running', one.pid])
  one.kill()
  await one.ended()
  await eventually(
    () => one.state().status === 'stopped',
    () => one.state().status,
  )
  assert.deepEqual(Object.values(one.state().annotations ?? {}), ['value'])
  one.delete()
  fails(['state', one.id])
})

test('OCI-R05: the bundle of a state is absolute when a relative one was given', () => {
  const made = bundle()
  const id = basename(made.cgroup)
  const one = created(made)
  one.delete('--force')
  ociOk(['create', '--bundle', basename(made.path), '--pid-file', one.pidFile, id], { cwd: dirname(made.path) })
  assert.equal(one.state().bundle, made.path)
})

test('OCI-R05: the bundle of a state is where a link to it led', () => {
  const made = bundle()
  const one = created(made)
  one.delete('--force')
  const link = scratch('link')
  symlinkSync(dirname(made.path), link)
  ociOk(['create', '--bundle', join(link, '.', basename(made.path)), '--pid-file', one.pidFile, one.id])
  assert.equal(one.state().bundle, made.path)
})

test('OCI-R06: annotations are in the state', () => {
  const annotations = { 'com.example.key': 'value', 'org.example/with space': '' }
  assert.deepEqual(created({ annotations }).state().annotations, annotations)
})

test('OCI-R03, OCI-R33: a taken id is refused, and the container that has it stays as it is', () => {
  const one = container()
  const before = one.state()
  const other = bundle()
  fails(['create', '--bundle', other.path, one.id])
  assert.deepEqual(one.state(), before)
  assert.ok(seen(one.pid))
  assert.deepEqual(groupsOf(other.cgroup), [])
})

test('OCI-R33: invalid ids are refused', () => {
  const { path } = bundle()
  for (const id of ['', 'with/slash', '..', '../above', '/absolute']) {
    fails(['create', '--bundle', path, id])
  }
})

test('OCI-R04: a status of its own means a state that the specification does not have', () => {
  const one = container()
  one.command(['pause', one.id])
  assert.equal(one.state().status, 'paused')
  one.command(['resume', one.id])
  assert.equal(one.state().status, 'running')
})

test('OCI-R08, OCI-R10, OCI-R34, OCI-R35, OCI-R36, OCI-R20, OCI-R41: create applies all but the program, start runs it', async () => {
  const one = created({
    ...{ hostname: 'conformant', process: script('echo it runs; hostname') },
    linux: { resources: { pids: { limit: 17 } }, sysctl: { 'net.ipv4.ip_forward': '1' } },
  })
  for (const name of ['pid', 'net', 'ipc', 'uts', 'mnt']) {
    assert.notEqual(namespaceOf(one.pid, name), namespaceOf('self', name), name)
  }
  const mounted = mountsOf(one.pid).map(({ mountPoint }) => mountPoint)
  for (const { destination } of one.bundle.config['mounts'] as readonly { destination: string }[]) {
    assert.ok(mounted.includes(destination), destination)
  }
  assert.ok(groupsOf(one.bundle.cgroup).length > 0)
  assert.ok(existsSync(`/proc/${one.pid}/root/dev/null`))
  // A program that ran would have said so within the time that the second half takes.
  await new Promise((resolve) => setTimeout(resolve, 50))
  assert.equal(one.output, '')
  one.start()
  assert.equal(await one.ended(), 'it runs\nconformant\n')
})

test('OCI-R11: config.json may change after create', async () => {
  const one = created({ process: script('echo old; hostname') })
  writeConfig(one.bundle.path, { ...one.bundle.config, hostname: 'new', process: { cwd: '/', args: ['/bin/false'] } })
  one.start()
  assert.equal(await one.ended(), 'old\ncarrel-test\n')
  rmSync(join(one.bundle.path, 'config.json'))
  one.delete()
})

test('OCI-R09, OCI-R37, OCI-R26: what cannot be made is an error, and leaves nothing', () => {
  const there = mountsOf(process.pid).length
  refused({ mounts: [{ destination: '/x', type: 'no-such-file-system', source: 'none' }] })
  refused({ linux: { namespaces: [{ type: 'mount' }, { type: 'network', path: '/nowhere' }] } })
  refused({ linux: { resources: { memory: { limit: 1 } } } })
  assert.equal(mountsOf(process.pid).length, there)
})

test('OCI-R27: a warning does not keep a container from running', () => {
  const bounding = ['CAP_KILL', 'CAP_NO_SUCH_THING']
  const one = container({ unknown: true, process: { capabilities: { bounding } } })
  assert.equal(one.state().status, 'running')
})

test('OCI-R29, OCI-R38, OCI-R43, OCI-R46: an operation without an id is an error', () => {
  for (const command of ['state', 'start', 'kill', 'delete']) fails([command])
})

test('OCI-R30, OCI-R39, OCI-R44, OCI-R47: an operation on a container that there is not is an error', () => {
  for (const words of [['state'], ['start'], ['kill'], ['delete']]) fails([...words, uniqueName()])
})

test('OCI-R40: start has no effect on a running or a stopped container', async () => {
  const one = container({ process: script('echo once; sleep 1000') })
  fails(['start', one.id])
  assert.equal(one.state().status, 'running')
  one.kill()
  await one.ended()
  fails(['start', one.id])
  assert.equal(one.state().status, 'stopped')
  assert.equal(one.output, 'once\n')
})

test('OCI-R42: start without process is an error', () => {
  const one = tryCreate({ process: undefined })
  // A runtime may already refuse to create it: then nothing is left to start.
  if (one.made.status === 0) fails(['start', one.id])
  else assertNothingOf(one)
})

test('OCI-R45: kill sends that signal, by name or number, to the first process of the container', async () => {
  const traps = ['HUP', 'USR1', 'USR2', 'TERM', 'WINCH'].map((name) => `trap 'echo ${name}' ${name}`)
  const one = container({ process: script(`${traps.join('; ')}; echo ready; while :; do sleep 0.01; done`) })
  const says = (text: string): Promise<boolean> =>
    eventually(
      () => one.output.endsWith(text),
      () => `${text} after ${one.output}`,
    )
  await says('ready\n')
  for (const [signal, name] of [
    ['USR1', 'USR1'],
    ['SIGUSR2', 'USR2'],
    ['1', 'HUP'],
    ['28', 'WINCH'],
    ['TERM', 'TERM'],
  ] as const) {
    one.kill(signal)
    await says(`${name}\n`)
  }
  // The default is SIGTERM.
  one.command(['kill', one.id])
  await says('TERM\nTERM\n')
})

test('OCI-R45, OCI-C62: kill with a signal that there is not is an error', () => {
  const one = container()
  fails(['kill', one.id, 'NOSUCH'])
  fails(['kill', one.id, '99'])
  assert.equal(one.state().status, 'running')
})

test('OCI-R44: kill of a created container works, of a stopped one it is an error', async () => {
  const one = created()
  one.kill('KILL')
  await one.ended()
  await eventually(
    () => one.state().status === 'stopped',
    () => one.state().status,
  )
  fails(['kill', one.id, 'KILL'])
  assert.equal(one.state().status, 'stopped')
})

test('OCI-R48: delete of a running container has no effect', () => {
  const one = container()
  fails(['delete', one.id])
  assert.equal(one.state().status, 'running')
  assert.ok(seen(one.pid))
  assert.ok(groupsOf(one.bundle.cgroup).length > 0)
})

test('OCI-R48: delete of a created container has no effect', () => {
  const one = created()
  fails(['delete', one.id])
  assert.equal(one.state().status, 'created')
})

test('OCI-R23, OCI-R49, OCI-R50, OCI-R51: delete removes what create made and nothing else, and the id is free', async () => {
  const shared = container()
  const path = `/proc/${shared.pid}/ns/net`
  const linux = { namespaces: [{ type: 'pid' }, { type: 'mount' }, { type: 'network', path }] }
  const one = container({ hostname: undefined, linux })
  const group = groupsOf(one.bundle.cgroup)
  assert.ok(group.length > 0)
  one.kill()
  await one.ended()
  one.delete()
  assertNothingOf(one)
  assert.ok(existsSync(path))
  assert.ok(existsSync(join(one.bundle.root, 'bin/busybox')))
  assert.ok(existsSync(join(one.bundle.path, 'config.json')))
  cpSync(join(one.bundle.path, 'config.json'), join(one.bundle.path, 'copy'))
  assert.equal(oci(['create', '--bundle', one.bundle.path, '--pid-file', one.pidFile, one.id]).status, 0)
  assert.equal(one.state().status, 'created')
})
