import assert from 'node:assert/strict'
import { copyFileSync, renameSync, symlinkSync } from 'node:fs'
import { test } from 'node:test'
import { eventually } from '../../support/eventually.ts'
import { bundle, type Changes, created, oci, script, type State, tryCreate, useOci } from '../../support/oci.ts'
import { usualMounts, writeConfig } from '../../support/oci-bundle.ts'
import { namespaceOf, seen } from '../../support/proc.ts'
import { assertNothingOf, fails, hook, Notes, refused } from './expect.ts'

useOci()

const KINDS = ['prestart', 'createRuntime', 'createContainer', 'startContainer', 'poststart', 'poststop'] as const

test('OCI-R12, OCI-R14, OCI-R16, OCI-R18, OCI-R21, OCI-R24, OCI-C48: hooks of every kind run, in the listed order', async () => {
  const notes = new Notes()
  const one = created(recording(notes)).start()
  await programRan(notes)
  one.delete('--force')
  for (const kind of KINDS) {
    const own = notes.lines.filter((line) => line.startsWith(kind))
    assert.deepEqual(own, [`${kind}1`, `${kind}2`])
  }
})

test('OCI-C50, OCI-C51, OCI-C52, OCI-C54, OCI-C56, OCI-C57: each kind runs at its time', async () => {
  const notes = new Notes()
  const one = created(recording(notes))
  const inCreate = ['prestart', 'createRuntime', 'createContainer'].flatMap((kind) => [`${kind}1`, `${kind}2`])
  assert.deepEqual(notes.lines, inCreate)
  one.start()
  // The program and the poststart hooks run at the same time, from its execve on; start returns after the hooks.
  const started = notes.lines.filter((line) => line !== 'program')
  assert.deepEqual(started.slice(6), ['startContainer1', 'startContainer2', 'poststart1', 'poststart2'])
  await programRan(notes)
  assert.ok(notes.lines.indexOf('program') > notes.lines.indexOf('startContainer2'))
  assert.equal(notes.lines.length, 11)
  one.delete('--force')
  assert.deepEqual(notes.lines.slice(11), ['poststop1', 'poststop2'])
})

/** Two hooks of each kind and a program that all write down that they ran; the file is bound into the container. */
function recording(notes: Notes): Changes {
  const twice = (kind: string): Changes[] => [1, 2].map((n) => hook(`echo ${kind}${n} >> ${notes.path}`))
  return {
    mounts: [...usualMounts(), { destination: notes.path, source: notes.path, options: ['bind'] }],
    process: script(`echo program >> ${notes.path}; sleep 1000`),
    hooks: Object.fromEntries(KINDS.map((kind) => [kind, twice(kind)])),
  }
}

const programRan = (notes: Notes): Promise<boolean> =>
  eventually(
    () => notes.lines.includes('program'),
    () => notes.lines.join(),
  )

test('OCI-C56: poststart runs when the program was executed', () => {
  const notes = new Notes()
  // proc(5): the name of a process is that of its program only after execve.
  const look = hook(
    `read -r line; pid=\${line##*\\"pid\\":}; pid=\${pid%%[!0-9 ]*}; tr '\\0' ' ' < /proc/$((pid))/cmdline >> ${notes.path}`,
  )
  const one = created({ process: { args: ['/bin/sleep', '1234'] }, hooks: { poststart: [look] } })
  one.start()
  assert.deepEqual(notes.lines, ['/bin/sleep 1234 '])
})

test('OCI-C49, OCI-C50, OCI-C51, OCI-C57: hooks of the runtime get the state on stdin', () => {
  const notes = new Notes()
  const say = (kind: string): Changes[] => [hook(`echo ${kind} $(tr -d '\\n') >> ${notes.path}`)]
  const kinds = ['prestart', 'createRuntime', 'createContainer', 'poststart', 'poststop']
  const one = created({ annotations: { a: 'b' }, hooks: Object.fromEntries(kinds.map((kind) => [kind, say(kind)])) })
  const { pid } = one
  one.start().delete('--force')
  const states = notes.lines.map((line) => {
    const [, kind = '', text = ''] = /^(\w+) (.*)$/.exec(line) ?? []
    return [kind, JSON.parse(text) as State] as const
  })
  assert.deepEqual(
    states.map(([kind]) => kind),
    kinds,
  )
  for (const [kind, state] of states) {
    assert.equal(state.id, one.id)
    assert.equal(state.bundle, one.bundle.path)
    assert.match(state.ociVersion, /^1\./)
    // What pid a hook inside is told, its own view or the host's, is left open.
    if (!['poststop', 'createContainer'].includes(kind)) assert.equal(state.pid, pid, kind)
  }
  const statuses = Object.fromEntries(states.map(([kind, { status }]) => [kind, status]))
  assert.match(statuses['prestart'] ?? '', /^creat(ing|ed)$/)
  assert.match(statuses['createContainer'] ?? '', /^creat(ing|ed)$/)
  assert.equal(statuses['poststart'], 'running')
  assert.equal(statuses['poststop'], 'stopped')
})

test('OCI-C49: startContainer hooks get the state on stdin', async () => {
  const one = created({ process: script('cat /tmp/state'), hooks: { startContainer: [hook('cat > /tmp/state')] } })
  const { id, pid } = one.start()
  const state = JSON.parse(await one.ended()) as State
  assert.deepEqual([state.id, state.pid ?? pid], [id, state.pid ?? pid])
  assert.match(state.status, /^creat(ing|ed)$/)
})

test('OCI-C50, OCI-C51, OCI-C56, OCI-C57: they run in the namespaces of the runtime', () => {
  const notes = new Notes()
  const look = hook(`readlink /proc/self/ns/mnt /proc/self/ns/net /proc/self/ns/uts /proc/self/ns/pid >> ${notes.path}`)
  const kinds = ['prestart', 'createRuntime', 'poststart', 'poststop']
  const one = created({ hooks: Object.fromEntries(kinds.map((kind) => [kind, [look]])) })
  one.start().delete('--force')
  const names = ['net', 'uts', 'pid'].map((name) => namespaceOf('self', name))
  assert.equal(notes.lines.length, 16)
  for (const [at, line] of notes.lines.entries()) {
    // A runtime may have a mount namespace of its own.
    if (at % 4 > 0) assert.equal(line, names[(at % 4) - 1], KINDS[at >> 2])
  }
})

test('OCI-C52, OCI-C53: createContainer runs before pivot_root in the namespaces of the container, its path is the host’s', () => {
  const notes = new Notes()
  const text = `readlink /proc/self/ns/mnt /proc/self/ns/net /proc/self/ns/uts >> ${notes.path}; ls ${notes.path} >> ${notes.path}`
  const one = created({ hooks: { createContainer: [hook(text)] } })
  const names = ['mnt', 'net', 'uts'].map((name) => namespaceOf(one.pid, name))
  assert.deepEqual(notes.lines, [...names, notes.path])
})

test('OCI-C51, OCI-C52: the mounts are made before createRuntime and createContainer, in the mount namespace of the container', () => {
  const notes = new Notes()
  const runtime = `sed -n 's/.*"pid": *\\([0-9]*\\).*/\\1/p' | { read -r pid; grep -c mqueue /proc/$pid/mountinfo; readlink /proc/$pid/ns/net; } >> ${notes.path}`
  const own = `grep -c mqueue /proc/self/mountinfo >> ${notes.path}`
  const one = created({ hooks: { createRuntime: [hook(runtime)], createContainer: [hook(own)] } })
  assert.deepEqual(notes.lines, ['1', namespaceOf(one.pid, 'net'), '1'])
})

test('OCI-C54, OCI-C55: startContainer runs in the container, its path is the container’s', async () => {
  const path = '/bin/only-inside'
  const text = 'for name in mnt net pid; do readlink /proc/self/ns/$name; done > /tmp/namespaces'
  const startContainer = [hook(text, { path })]
  const one = created(
    { hooks: { startContainer }, process: script('cat /tmp/namespaces; sleep 1000') },
    { files: { 'bin/only-inside': '' }, prepare: linkShell },
  )
  one.start()
  const names = ['mnt', 'net', 'pid'].map((name) => namespaceOf(one.pid, name))
  await eventually(
    () => one.output === `${names.join('\n')}\n`,
    () => `${one.output} instead of ${names.join(' ')}`,
  )
})

function linkShell(root: string): void {
  copyFileSync('/bin/busybox', `${root}/bin/busybox`)
  renameSync(`${root}/bin/only-inside`, `${root}/bin/unused`)
  symlinkSync('busybox', `${root}/bin/only-inside`)
}

test('OCI-C47: args and env of a hook are its own, and nothing of the runtime’s environment is there', () => {
  const notes = new Notes()
  const text = `printf '%s\\n' "$0" "$@" >> ${notes.path}; tr '\\0' '\\n' < /proc/$$/environ >> ${notes.path}`
  const args = ['zero', '-c', text, 'name', 'one', 'two words', '']
  created(
    { hooks: { createRuntime: [hook('', { args, env: ['A=1', 'B=two words'] })] } },
    { env: { PATH: process.env['PATH'] ?? '', LEAK: '1' } },
  )
  assert.deepEqual(notes.lines, ['name', 'one', 'two words', 'A=1', 'B=two words'])
})

test('OCI-R13: a failing prestart hook ends the container', () => failsInCreate('prestart'))
test('OCI-R15: a failing createRuntime hook ends the container', () => failsInCreate('createRuntime'))
test('OCI-R17: a failing createContainer hook ends the container', () => failsInCreate('createContainer'))

test('OCI-R13, OCI-R15, OCI-R17: the poststop hooks run after a failing hook of create', () => {
  for (const kind of ['prestart', 'createRuntime', 'createContainer']) {
    const notes = new Notes()
    tryCreate({ hooks: { [kind]: [hook('exit 7')], poststop: [hook(`echo poststop >> ${notes.path}`)] } })
    assert.deepEqual(notes.lines, ['poststop'], kind)
  }
})

function failsInCreate(kind: string): void {
  const notes = new Notes()
  const hooks = {
    [kind]: [hook('exit 0'), hook('echo why >&2; exit 7'), hook(`echo next >> ${notes.path}`)],
  }
  const one = tryCreate({ hooks })
  assert.notEqual(one.made.status, 0)
  assert.match(one.made.stderr, /hook|7/)
  assertNothingOf(one)
  assert.deepEqual(notes.lines, [])
}

test('OCI-R19: a failing startContainer hook stops the container before its program runs', async () => {
  const one = created({ process: script('echo ran'), hooks: { startContainer: [hook('exit 7')] } })
  const { pid } = one
  fails(['start', one.id])
  await eventually(
    () => seen(pid) === undefined || seen(pid)?.state === 'Z',
    () => 'the process is there still',
  )
  assert.equal(one.output, '')
  const state = oci(['state', one.id])
  assert.ok(state.status !== 0 || (JSON.parse(state.stdout) as State).status === 'stopped')
})

test('OCI-R22: a failing poststart hook is an error, and stops the container', async () => {
  const one = tryCreate({ hooks: { poststart: [hook('exit 7')] } })
  // When a runtime runs the hook is the matter of OCI-C56.
  if (one.made.status === 0) {
    const { pid } = one
    fails(['start', one.id])
    await eventually(
      () => seen(pid) === undefined || seen(pid)?.state === 'Z',
      () => 'the process is there still',
    )
  }
  const state = oci(['state', one.id])
  assert.ok(state.status !== 0 || (JSON.parse(state.stdout) as State).status === 'stopped')
})

test('OCI-R25: a failing poststop hook keeps neither the next one nor the deletion', () => {
  const notes = new Notes()
  const one = created({ hooks: { poststop: [hook('exit 7'), hook(`echo next >> ${notes.path}`)] } })
  assert.equal(oci(['delete', '--force', one.id]).status, 0)
  assert.deepEqual(notes.lines, ['next'])
  assertNothingOf(one)
})

test('OCI-C57: poststop runs when the container is gone, before delete returns', () => {
  const notes = new Notes()
  const made = bundle()
  const look = `sleep 0.1; for each in /sys/fs/cgroup/*${made.cgroup}; do test -e $each && echo there >> ${notes.path}; done; echo done >> ${notes.path}`
  writeConfig(made.path, { ...made.config, hooks: { poststop: [hook(look)] } })
  const one = created(made)
  const { pid } = one
  one.start().delete('--force')
  assert.deepEqual(notes.lines, ['done'])
  assert.ok(seen(pid) === undefined || seen(pid)?.state === 'Z')
})

test('OCI-C45: a hook needs an absolute path', () => {
  refused({ hooks: { createRuntime: [{ path: 'bin/true' }] } })
  refused({ hooks: { poststop: [{ path: 'true' }] } })
})

test('OCI-C46: the timeout of a hook is positive', () => {
  refused({ hooks: { createRuntime: [hook('true', { timeout: 0 })] } })
  refused({ hooks: { createRuntime: [hook('true', { timeout: -1 })] } })
})

test('OCI-C46: a hook that takes too long is ended, and has failed', () => {
  const begin = performance.now()
  refused({ hooks: { createRuntime: [hook('exec sleep 30', { timeout: 1 })] } })
  assert.ok(performance.now() - begin < 20_000)
})
