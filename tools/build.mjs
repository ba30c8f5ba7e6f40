// Builds everything that runs: dist/ (TypeScript), build/<platform>/carrel-agent and build/<platform>/carrel.node (C).
// Plain JavaScript, because `npm ci` runs it (script "prepare") before anything else of this repository works.
//   node tools/build.mjs [--quiet] [--force] [--arch linux-x64|linux-arm64]
// Each part is skipped when the hash of its inputs and of its command is the one it was last built from.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const COMMANDS = ['dist/cli/main.js', 'dist/oci/main.js']
const machines = { 'linux-x64': 'x86_64', 'linux-arm64': 'aarch64' }
const { values: options } = parseArgs({
  options: { quiet: { type: 'boolean' }, force: { type: 'boolean' }, arch: { type: 'string' } },
})
const platform = options.arch ?? `linux-${process.arch}`
const cc = process.env['CC'] || 'cc'

const commit = spawnSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8' }).stdout?.trim() || 'unknown'

if (!(platform in machines)) {
  fail(`carrel builds for ${Object.keys(machines).join(' and ')}, not for "${platform}"`)
}
process.chdir(root)
mkdirSync('build/stamps', { recursive: true })
buildAgent()
buildAddon()
await buildTypeScript()
if (!options.quiet) console.error('3 parts are up to date: agent, addon, dist')

function buildAgent() {
  const sources = filesUnder('agent', /\.[ch]$/)
  const units = sources.filter((path) => /^agent\/[^/]+\.c$/.test(path))
  const flagsFile = 'agent/flags.txt'
  if (units.length === 0 || !existsSync(flagsFile)) fail(`Cannot build the agent: agent/*.c or ${flagsFile} is missing`)
  const flags = readFileSync(flagsFile, 'utf8').trim().split(/\s+/)
  compile('carrel-agent', [...sources, flagsFile], [...flags, '-s', ...units])
}

function buildAddon() {
  const headers = 'node_modules/node-api-headers/include'
  const sources = filesUnder('addon', /\.[ch]$/)
  const units = sources.filter((path) => /^addon\/[^/]+\.c$/.test(path))
  if (units.length === 0) fail('Cannot build the addon: addon/*.c is missing')
  const flags = ['-std=c11', '-shared', '-fPIC', '-O2', '-Wall', '-Wextra', '-Werror', '-fvisibility=hidden']
  compile('carrel.node', [...sources, `${headers}/node_api.h`], [...flags, '-s', '-isystem', headers, ...units])
}

function compile(name, inputs, args) {
  const output = `build/${platform}/${name}`
  const stamp = hashOf(inputs, [cc, ...args])
  if (isFresh(`${platform}-${name}`, stamp, output)) return
  requireCompiler()
  mkdirSync(`build/${platform}`, { recursive: true })
  // Written beside and renamed: a running agent or a loaded addon keeps the file that it was started from.
  const fresh = `${output}.${process.pid}`
  const result = spawnSync(cc, [...args, '-o', fresh], { stdio: 'inherit' })
  if (result.status !== 0) {
    rmSync(fresh, { force: true })
    fail(`Cannot build ${output}: ${cc} ended with ${result.status ?? result.signal}`)
  }
  renameSync(fresh, output)
  finish(`${platform}-${name}`, stamp, `${output} (${statSync(output).size} bytes)`)
}

function requireCompiler() {
  const machine = spawnSync(cc, ['-dumpmachine'], { encoding: 'utf8' })
  if (machine.error) {
    fail(
      `Cannot build carrel from its sources: the C compiler "${cc}" does not start (${machine.error.code}).\n` +
        '  Debian, Ubuntu:  apt-get install -y gcc libc6-dev linux-libc-dev\n' +
        '  Fedora:          dnf install -y gcc glibc-devel glibc-static kernel-headers\n' +
        '  Alpine:          apk add gcc musl-dev linux-headers\n' +
        'Or set CC to a compiler. The published package needs none: npm install carrel',
    )
  }
  if (!machine.stdout.startsWith(machines[platform])) {
    fail(
      `Cannot build for ${platform}: ${cc} makes code for ${machine.stdout.trim()}.\n` +
        `Set CC to a compiler for it, for example CC=${machines[platform]}-linux-gnu-gcc ` +
        `(apt-get install -y gcc-${machines[platform].replace('_', '-')}-linux-gnu)`,
    )
  }
}

async function buildTypeScript() {
  const sources = filesUnder('src', /\.ts$/).filter((path) => !path.endsWith('.test.ts'))
  if (sources.length === 0) fail('Cannot build dist/: no TypeScript under src/')
  const inputs = [...sources, 'tsconfig.json', 'tsconfig.build.json', 'node_modules/typescript/package.json']
  const stamp = hashOf(inputs, ['tsc', 'esbuild', 'global process', 'package-lock.json', commit, ...COMMANDS])
  if (isFresh('dist', stamp, 'dist')) return
  const tsc = spawnSync(process.execPath, ['node_modules/typescript/bin/tsc', '-p', 'tsconfig.build.json'], {
    stdio: 'inherit',
  })
  if (tsc.status !== 0) fail('Cannot build dist/: the TypeScript compiler reported errors')
  removeStale(new Set(sources))
  for (const command of COMMANDS.filter((file) => existsSync(file))) {
    await bundleCommand(command)
    chmodSync(command, 0o755)
  }
  finish('dist', stamp, `dist/ (${sources.length} modules)`)
}

/** Makes one file of the command and its packages: reading two hundred modules takes longer than a sandbox does. */
async function bundleCommand(file) {
  await build({
    entryPoints: [file],
    outfile: file,
    allowOverwrite: true,
    bundle: true,
    platform: 'node',
    target: 'node20',
    format: 'esm',
    logLevel: 'warning',
    minifyWhitespace: true,
    minifySyntax: true,
    define: { CARREL_COMMIT: JSON.stringify(commit) },
    plugins: [globalProcess()],
    // commander is CommonJS and asks for node: modules by require.
    banner: {
      js: "import { createRequire as requireOf } from 'node:module'\nconst require = requireOf(import.meta.url)",
    },
  })
}

/**
 * `node:process` as the global that it is. Loading the module reads all of its exports, `stdin` among them, and Node makes a pipe
 * nonblocking as soon as it is looked at: for the command that inherits it too, which then fails with EAGAIN.
 */
function globalProcess() {
  return {
    name: 'global-process',
    setup(on) {
      on.onResolve({ filter: /^(?:node:)?process$/ }, () => ({ path: 'process', namespace: 'global' }))
      on.onLoad({ filter: /./, namespace: 'global' }, () => ({ contents: 'module.exports = globalThis.process' }))
    },
  }
}

/** Removes what an earlier build made from sources that no longer exist, so that a package never carries it. */
function removeStale(sources) {
  for (const path of filesUnder('dist', /./)) {
    const source = relative('dist', path).replace(/(\.d\.ts|\.js)$/, '.ts')
    if (!sources.has(join('src', source))) rmSync(path)
  }
}

function isFresh(name, stamp, output) {
  const file = `build/stamps/${name}`
  return !options.force && existsSync(output) && existsSync(file) && readFileSync(file, 'utf8') === stamp
}

function finish(name, stamp, what) {
  writeFileSync(`build/stamps/${name}`, stamp)
  // On stderr: `npm pack` prints the name of the packed file on stdout, after this script ran.
  if (!options.quiet) console.error(`built ${what}`)
}

function hashOf(paths, words) {
  const hash = createHash('sha256').update(words.join('\0'))
  for (const path of paths) hash.update(`\0${path}\0`).update(readFileSync(path))
  return hash.digest('hex')
}

function filesUnder(folder, pattern) {
  if (!existsSync(folder)) return []
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter((entry) => entry.isFile() && pattern.test(entry.name))
    .map((entry) => join(entry.parentPath, entry.name))
    .sort()
}

function fail(message) {
  console.error(message)
  process.exit(1)
}
