import assert from 'node:assert/strict'
import { spawnSync, type SpawnSyncReturns } from 'node:child_process'
import { closeSync, existsSync, openSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { bundle, type Bundle, type Changes, scratch, script, stateRoot, undoAfterTest, useOci } from '../support/oci.ts'
import { namespaceOf, statusField } from '../support/proc.ts'
import { REPOSITORY } from '../support/repository.ts'
import { requires } from '../support/requires.ts'

// `carrel-oci` as the npm package has it: the same runtime in Node.

useOci()
const ROOT = requires({ root: true })
const MAIN = join(REPOSITORY, 'dist/oci/main.js')

function node(words: readonly string[], global: readonly string[] = []): SpawnSyncReturns<string> {
  // A container keeps its streams: a pipe would have this process wait for the container.
  const [out, errors] = [scratch('stdout'), scratch('stderr')]
  const files = [openSync(out, 'w'), openSync(errors, 'w')]
  const ended = spawnSync(process.execPath, [MAIN, '--root', stateRoot(), ...global, ...words], {
    stdio: ['ignore', ...files],
    timeout: 20_000,
    killSignal: 'SIGKILL',
    encoding: 'utf8',
  })
  files.forEach(closeSync)
  return { ...ended, stdout: readFileSync(out, 'utf8'), stderr: readFileSync(errors, 'utf8') }
}

function ok(words: readonly string[]): string {
  const { status, stdout, stderr } = node(words)
  assert.equal(status, 0, `${words.join(' ')}: ${stderr}`)
  return stdout
}

function prepared(changes: Changes = {}): { readonly made: Bundle; readonly id: string } {
  const made = bundle(changes)
  const id = basename(made.cgroup)
  undoAfterTest(() => void node(['delete', '--force', id]))
  return { made, id }
}

test('the npm variant makes, starts, shows, enters, kills and deletes a container', ROOT, () => {
  const { made, id } = prepared()
  const pidFile = join(made.path, 'pid')
  ok(['create', '--bundle', made.path, '--pid-file', pidFile, id])
  const pid = Number(readFileSync(pidFile, 'utf8'))
  const state = (): { readonly status: string; readonly pid: number } => JSON.parse(ok(['state', id])) as never
  assert.equal(state().status, 'created')
  ok(['start', id])
  assert.deepEqual([state().status, state().pid], ['running', pid])
  assert.equal(readFileSync(`/proc/${pid}/cmdline`, 'utf8'), '/bin/sleep\x001000\0')
  assert.equal(statusField(pid, 'NoNewPrivs'), '1')
  assert.notEqual(namespaceOf(pid, 'pid'), namespaceOf('self', 'pid'))
  const { status, stdout, stderr } = node(['exec', id, 'sh', '-c', 'hostname; cat /proc/self/cgroup >&2; exit 5'])
  assert.deepEqual([status, stdout], [5, 'carrel-test\n'])
  assert.ok(stderr.includes(`:${made.cgroup}\n`), stderr)
  assert.ok(ok(['list', '-q']).includes(`${id}\n`))
  ok(['kill', id, 'KILL'])
  for (let attempt = 0; attempt < 50 && state().status !== 'stopped'; attempt++);
  assert.equal(state().status, 'stopped')
  ok(['delete', id])
  assert.ok(!existsSync(join(stateRoot(), id)))
  assert.ok(!existsSync(`/sys/fs/cgroup/memory${made.cgroup}`))
})

test('the npm variant ends as the program does: with its status, or 128 and its signal', ROOT, () => {
  for (const [text, code] of [
    ['echo out; echo err >&2; exit 42', 42],
    ['exit 0', 0],
  ] as const) {
    const { made, id } = prepared({ process: script(text) })
    const { status, stdout, stderr } = node(['run', '--bundle', made.path, id])
    assert.equal(status, code, stderr)
    if (code === 42) assert.deepEqual([stdout, stderr], ['out\n', 'err\n'])
  }
  const { made, id } = prepared()
  ok(['run', '--detach', '--bundle', made.path, id])
  assert.equal(node(['exec', id, 'sh', '-c', 'kill -TERM $$']).status, 128 + 15)
})

test('the npm variant says what is wrong in the words that engines look for, in the log too', ROOT, () => {
  const log = scratch('log')
  for (const [args, words] of [
    [['no-such-program'], 'executable file not found in $PATH'],
    [['/no/such/program'], 'no such file or directory'],
    [['/etc/passwd'], 'permission denied'],
  ] as const) {
    const { made, id } = prepared({ process: { args } })
    const { status, stderr } = node(['run', '--bundle', made.path, id], ['--log', log, '--log-format', 'json'])
    assert.equal(status, 1)
    assert.ok(stderr.includes(words), stderr)
    const last = JSON.parse(readFileSync(log, 'utf8').trim().split('\n').at(-1) ?? '') as Record<string, string>
    assert.equal(last['level'], 'error')
    assert.ok(last['msg']?.includes(words), last['msg'])
    assert.ok(Math.abs(Date.parse(last['time'] ?? '') - Date.now()) < 60_000, last['time'])
  }
  const unknown = node(['state', 'carrel-test-nobody'])
  assert.equal(unknown.status, 1)
  assert.match(unknown.stderr, /level=error msg=".*carrel-test-nobody.*"/)
  const { made, id } = prepared({ process: { cwd: 'relative' } })
  assert.match(node(['run', '--bundle', made.path, id]).stderr, /msg="\/process\/cwd must /)
})

test('the npm variant has the version of the package, and the commands', () => {
  const { version } = JSON.parse(readFileSync(join(REPOSITORY, 'package.json'), 'utf8')) as { readonly version: string }
  const shown = spawnSync(process.execPath, [MAIN, '--version'], { encoding: 'utf8' })
  assert.equal(shown.status, 0)
  assert.match(shown.stdout, new RegExp(`^carrel-oci version ${version.replaceAll('.', '\\.')}\\n`))
  assert.match(shown.stdout, /^spec: 1\.\d+\.\d+$/m)
  const help = spawnSync(process.execPath, [MAIN, '--help'], { encoding: 'utf8' })
  for (const command of ['create', 'start', 'checkpoint', 'features']) assert.ok(help.stdout.includes(command), command)
  assert.equal(spawnSync(process.execPath, [MAIN, 'no-such-command'], { encoding: 'utf8' }).status, 1)
})
