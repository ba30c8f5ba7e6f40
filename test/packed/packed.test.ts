import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import type { SpawnSyncReturns } from 'node:child_process'
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { fileURLToPath } from 'node:url'

// What a user gets: both packages packed, installed into an empty folder where no compiler and no registry is in reach.
const root = dirname(dirname(dirname(fileURLToPath(import.meta.url))))
const platform = `linux-${process.arch}`
const folder = mkdtempSync(join(tmpdir(), 'carrel-packed-'))
const empty = join(folder, 'user')
const tools = join(folder, 'bin')

// Only what npm and a user's shell need: a compiler that the machine has must not be found.
const PROGRAMS = ['node', 'npm', 'npx', 'sh', 'env', 'id', 'ls', 'cat']

const environment: NodeJS.ProcessEnv = {
  PATH: tools,
  HOME: folder,
  npm_config_cache: join(folder, 'cache'),
  npm_config_update_notifier: 'false',
  // Every request would fail at once, and by that show itself: nothing may be downloaded.
  npm_config_registry: 'http://127.0.0.1:9/',
  npm_config_offline: 'true',
}

function run(cwd: string, env: NodeJS.ProcessEnv, file: string, ...args: string[]): SpawnSyncReturns<string> {
  return spawnSync(file, args, { cwd, env, encoding: 'utf8', timeout: 120_000, input: '' })
}

function must(result: SpawnSyncReturns<string>): string {
  assert.equal(result.status, 0, `${result.stdout}${result.stderr}${result.error ?? ''}`)
  return result.stdout
}

function pathOf(program: string): string {
  const folders = (process.env['PATH'] ?? '').split(':')
  const found = [dirname(process.execPath), ...folders]
    .map((each) => join(each, program))
    .find((path) => existsSync(path))
  assert.ok(found, `${program} is not on the PATH`)
  return found
}

before(() => {
  mkdirSync(empty)
  mkdirSync(tools)
  for (const program of PROGRAMS) symlinkSync(pathOf(program), join(tools, program))
  must(run(root, process.env, 'npm', 'pack', '--silent', '--pack-destination', folder))
  must(run(join(root, 'npm', platform), process.env, 'npm', 'pack', '--silent', '--pack-destination', folder))
  writeFileSync(join(empty, 'package.json'), '{ "name": "user", "private": true, "type": "module" }\n')
  const packed = readdirSync(folder).filter((name) => name.endsWith('.tgz'))
  assert.equal(packed.length, 2, packed.join())
  const files = packed.map((name) => join(folder, name))
  must(run(empty, environment, 'npm', 'install', '--no-audit', '--no-fund', ...files))
})

after(() => rmSync(folder, { recursive: true, force: true }))

test('The packed packages install without a compiler, a registry or an install script', () => {
  const installed = readdirSync(join(empty, 'node_modules')).filter((name) => !name.startsWith('.'))
  assert.deepEqual(installed.sort(), ['carrel', `carrel-${platform}`])
  const scripts = installed.map((name) => readFileSync(join(empty, 'node_modules', name, 'package.json'), 'utf8'))
  for (const text of scripts) assert.doesNotMatch(text, /"(?:pre|post)?install"/)
})

test('The packed packages hold what runs, the licence, and no sources or tests', () => {
  const files = readdirSync(join(empty, 'node_modules'), { recursive: true, withFileTypes: true })
  const names = files.filter((entry) => entry.isFile()).map((entry) => join(entry.parentPath, entry.name))
  assert.equal(names.filter((name) => basename(name) === 'LICENSE').length, 2)
  assert.deepEqual(
    names.filter((name) => /\.test\.|\.c$|(?<!\.d)\.ts$/.test(name)),
    [],
  )
  const manifest: unknown = JSON.parse(
    readFileSync(join(empty, `node_modules/carrel-${platform}/package.json`), 'utf8'),
  )
  assert.deepEqual(Reflect.get(Object(manifest), 'cpu'), [process.arch])
  assert.deepEqual(Reflect.get(Object(manifest), 'os'), ['linux'])
})

test('The installed command runs a container', () => {
  const result = run(empty, environment, 'node_modules/.bin/carrel', 'run', '--', '/bin/echo', 'hello')
  assert.equal(must(result), 'hello\n')
})

test('The installed command ends with the exit code of its container', () => {
  const result = run(empty, environment, 'npx', '--no-install', 'carrel', 'run', '--', 'sh', '-c', 'echo out; exit 7')
  assert.equal(result.status, 7, result.stderr)
  assert.equal(result.stdout, 'out\n')
})

test('The installed library has all its doors', () => {
  const script = `
    import { Sandbox } from 'carrel'
    import { Agent } from 'carrel/process'
    import { program } from 'carrel/program'
    import { Cgroup } from 'carrel/cgroup'
    import { Netlink } from 'carrel/netlink'
    import * as linux from 'carrel/linux'
    if (Object.keys(linux).length === 0 || typeof Agent.start !== 'function' || typeof Cgroup.create !== 'function' || typeof Netlink.open !== 'function') throw new Error('a door is empty')
    program()
    const box = await Sandbox.create()
    const r = await box.run('/bin/echo', ['hello'])
    await box.close()
    console.log(r.exitCode, r.stdout)`
  writeFileSync(join(empty, 'doors.js'), script)
  assert.match(must(run(empty, environment, 'node', 'doors.js')), /^0 hello/)
})

test('The installed types satisfy a strict compiler', () => {
  const source = `
    import { Sandbox } from 'carrel'
    import { Agent } from 'carrel/process'
    import { program } from 'carrel/program'
    import { Cgroup, type Statistics } from 'carrel/cgroup'
    export const box: Promise<Sandbox> = Sandbox.create({ memory: '256M', pids: 64 })
    export const root: Promise<Agent> = Agent.start()
    export const use = async (agent: Agent): Promise<Statistics> =>
      (await Cgroup.create(agent, 'box', { pids: { limit: 8 } })).statistics()
    export const text: string = String(program())
    // @ts-expect-error a misspelt option
    void Sandbox.create({ memry: '256M' })`
  writeFileSync(join(empty, 'types.ts'), source)
  const options = {
    compilerOptions: {
      strict: true,
      exactOptionalPropertyTypes: true,
      target: 'ES2023',
      lib: ['ES2023', 'ESNext.Disposable'],
      module: 'NodeNext',
      types: ['node'],
      typeRoots: [join(root, 'node_modules/@types')],
      noEmit: true,
      // Declarations of this package are checked too, not skipped.
      skipLibCheck: false,
    },
    files: ['types.ts'],
  }
  writeFileSync(join(empty, 'tsconfig.json'), JSON.stringify(options))
  must(run(empty, environment, 'node', join(root, 'node_modules/typescript/bin/tsc'), '-p', 'tsconfig.json'))
})

test('The installed command says what is missing when the platform package was left out', () => {
  const moved = join(folder, 'elsewhere')
  mkdirSync(moved)
  const result = run(empty, { ...environment, CARREL_BINARIES: moved }, 'node_modules/.bin/carrel', 'run', '--', 'true')
  assert.equal(result.status, 125)
  assert.match(result.stderr, /Cannot find "carrel/)
})
