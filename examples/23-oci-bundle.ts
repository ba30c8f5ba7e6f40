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
const id = `example-${process.pid}`
const runtime = [fileURLToPath(new URL('../dist/oci/main.js', import.meta.url)), '--root', join(bundle, 'states')]
const oci = (...words: readonly string[]): string =>
  execFileSync(process.execPath, [...runtime, ...words], { encoding: 'utf8' })
const status = (): string => (JSON.parse(oci('state', id)) as { status: string }).status

try {
  // A root file system of the host's own folders. `spec` writes the rest: few rights, six namespaces, a filter.
  mkdirSync(join(bundle, 'rootfs'))
  oci('spec', '--bundle', bundle)
  const path = join(bundle, 'config.json')
  const config = JSON.parse(readFileSync(path, 'utf8')) as { process: object; mounts: object[] }
  const binds = ['/usr', '/bin', '/lib', '/lib64']
    .filter((folder) => existsSync(folder))
    .map((folder) => ({ destination: folder, type: 'none', source: folder, options: ['bind', 'ro'] }))
  const mounts = [...binds, ...config.mounts]
  const write = (...args: readonly string[]): void => {
    const shell = { ...config.process, args, terminal: false }
    writeFileSync(path, JSON.stringify({ ...config, process: shell, root: { path: 'rootfs' }, mounts }))
  }

  // `run` is everything at once.
  write('sh', '-c', 'echo "$(hostname), process $$"')
  assert.equal(oci('run', '--bundle', bundle, id), 'carrel, process 1\n')

  // Engines do it in steps. A created container has everything but its program; no process of the runtime stays with it.
  write('sleep', '1000')
  execFileSync(process.execPath, [...runtime, 'create', '--bundle', bundle, id], { stdio: 'ignore' })
  console.log(status())
  oci('start', id)
  console.log(status())
  assert.equal(oci('exec', id, 'cat', '/proc/1/comm'), 'sleep\n')
  oci('kill', id, 'KILL')
  while (status() !== 'stopped') await setTimeout(10)
  oci('delete', id)
} finally {
  oci('delete', '--force', id)
  rmSync(bundle, { recursive: true, force: true })
}
