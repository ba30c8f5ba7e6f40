// Shows: a bundle made by hand, run by carrel-oci as an engine runs one: create, start, exec, kill, delete. Needs root.
import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'

if (process.getuid?.() !== 0) {
  console.log('needs root: the configuration below has no user namespace')
  process.exit()
}

const bundle = mkdtempSync(join(tmpdir(), 'carrel-bundle-'))
const states = join(bundle, 'states')
const id = `example-${process.pid}-steps`
const runtime = fileURLToPath(new URL('../dist/oci/main.js', import.meta.url))

/** One command; what it, or a container in the foreground, has printed. */
function oci(...words: readonly string[]): string {
  return execFileSync(process.execPath, [runtime, '--root', states, ...words], { encoding: 'utf8' })
}

const statusOf = (container: string): string => (JSON.parse(oci('state', container)) as { status: string }).status

try {
  // A root file system of the host's own folders. `spec` writes the rest: few rights, six namespaces, a filter.
  mkdirSync(join(bundle, 'rootfs'))
  oci('spec', '--bundle', bundle)
  const path = join(bundle, 'config.json')
  const {
    process: shell,
    mounts,
    ...config
  } = JSON.parse(readFileSync(path, 'utf8')) as {
    process: object
    mounts: object[]
  }
  const folders = ['/usr', '/bin', '/lib', '/lib64'].filter((folder) => existsSync(folder))
  const binds = folders.map((folder) => ({
    destination: folder,
    type: 'none',
    source: folder,
    options: ['bind', 'ro'],
  }))
  const write = (...args: readonly string[]): void => {
    const own = {
      process: { ...shell, args, terminal: false },
      root: { path: 'rootfs' },
      mounts: [...binds, ...mounts],
    }
    writeFileSync(path, JSON.stringify({ ...config, ...own }))
  }

  // `run` is everything at once.
  write('sh', '-c', 'echo "$(hostname), process $$"')
  const greeting = oci('run', '--bundle', bundle, `example-${process.pid}`)
  assert.equal(greeting, 'carrel, process 1\n')
  console.log(greeting.trim())

  // Engines do it in steps. A created container has everything but its program; no process of the runtime stays with it.
  write('sleep', '1000')
  execFileSync(process.execPath, [runtime, '--root', states, 'create', '--bundle', bundle, id], { stdio: 'ignore' })
  console.log(statusOf(id))
  oci('start', id)
  console.log(statusOf(id))
  assert.equal(oci('exec', id, 'cat', '/proc/1/comm'), 'sleep\n')

  oci('kill', id, 'KILL')
  while (statusOf(id) !== 'stopped') await setTimeout(10)
  oci('delete', id)
  assert.deepEqual(JSON.parse(oci('list', '--format', 'json')) ?? [], [])
} finally {
  oci('delete', '--force', id)
  rmSync(bundle, { recursive: true, force: true })
}
