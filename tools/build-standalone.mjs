// Builds build/<platform>/carrel-oci: the OCI runtime as one executable that needs no Node on the machine (docs/decisions/0030-standalone-by-bun.md).
//   node tools/build-standalone.mjs [--quiet] [--arch linux-x64|linux-arm64] [--entry src/oci/main.ts] [--outfile FILE] [--keep]
// esbuild makes one CommonJS file of the sources, bun puts its bytecode and itself around it.
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, renameSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'

/** An entry of the tables in src/linux/calls, as prettier leaves it. */
const CALL = /^  (\w+): \(\) => \(\{(?:.*\}\),|[^]*?^  \}\),)$/gm

/** A description of system calls without those that nothing in the executable makes: each costs time at every start. */
const withoutUnused = (text, isUsed) => text.replace(CALL, (entry, name) => (isUsed(name) ? entry : ''))

/** What stands in the place of a program that is still to be moved there is smaller. */
const MEGABYTE = 1 << 20

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const { values: options } = parseArgs({
  options: {
    quiet: { type: 'boolean' },
    /** Leaves the CommonJS file beside the executable, for profiles */
    keep: { type: 'boolean' },
    arch: { type: 'string', default: `linux-${process.arch}` },
    entry: { type: 'string', default: 'src/oci/main.ts' },
    outfile: { type: 'string' },
    order: { type: 'string' },
    jit: { type: 'string', default: '100' },
  },
})
const platform = options.arch
const arch = platform.replace('linux-', '')
const caller = process.cwd()
const outfile = options.outfile ? resolve(caller, options.outfile) : join(root, 'build', platform, 'carrel-oci')
const entry = resolve(root, options.entry)
const agent = join(root, 'build', platform, 'carrel-agent')

if (!existsSync(agent))
  fail(`Cannot build the executable: ${agent} is missing; run node tools/build.mjs --arch ${platform} first`)
const folder = mkdtempSync(join(tmpdir(), 'carrel-standalone-'))
try {
  const bundle = join(folder, 'carrel-oci.cjs')
  await bundleSources(bundle)
  compile(bundle)
  if (options.keep) renameSync(bundle, `${outfile}.cjs`)
} finally {
  rmSync(folder, { recursive: true, force: true })
}
if (!options.quiet) console.error(`built ${outfile} (${statSync(outfile).size} bytes)`)

/** Bundles twice: what the first one holds tells which system calls the second one needs. */
async function bundleSources(file) {
  const { metafile } = await bundleWith(file, () => true)
  const words = wordsOf(Object.keys(metafile.inputs))
  const again = await bundleWith(file, (name) => words.has(name))
  if (options.keep) writeFileSync(`${outfile}.meta.json`, JSON.stringify(again.metafile))
}

/** Every name that is followed by a parenthesis or stands in quotes, outside the descriptions of the calls themselves. */
function wordsOf(paths) {
  const sources = paths.filter((path) => !/src\/linux\/(calls|tables|generated)\//.test(path))
  const texts = sources.map((path) => readFileSync(resolve(path), 'utf8'))
  return new Set(texts.flatMap((text) => [...text.matchAll(/\b(\w+)(?=\(|['"`])/g)].map(([, word]) => word)))
}

function bundleWith(file, isUsed) {
  return build({
    entryPoints: [entry],
    outfile: file,
    bundle: true,
    // Bytecode of CommonJS is what bun takes before it runs anything; that of ES modules was slower here.
    format: 'cjs',
    platform: 'neutral',
    target: 'es2023',
    minify: true,
    external: ['bun:*'],
    metafile: true,
    // As Node's, which the sources are written for.
    define: { 'import.meta.url': '"file:///carrel-oci"' },
    banner: { js: '"use strict";' },
    logLevel: 'warning',
    plugins: [partsOfThisExecutable(), usedCalls(isUsed)],
  })
}

/** What is different in the executable from what Node runs: the agent is in it, its architecture is known, and no module of Node's is. */
function partsOfThisExecutable() {
  const parts = {
    'src/kernel/embedded-agent.ts': () =>
      `export const EMBEDDED_AGENT = ${JSON.stringify(readFileSync(agent, 'base64'))}`,
    'src/linux/arch.ts': () =>
      `export const valueOn = (arch, value) => (typeof value === 'number' ? value : value[arch]); export const machineArch = () => '${arch}'`,
    // Computing it takes a millisecond; the header has been generated from the same tables (the check "generated").
    'src/protocol/hash.ts': () => `export const protocolHash = () => ${tablesHash()}n`,
    'src/kernel/node.ts': () => 'export const nodeKernel = undefined',
  }
  return {
    name: 'parts-of-this-executable',
    setup(on) {
      on.onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const part = parts[path.slice(root.length + 1)]
        return part && { contents: part(), loader: 'ts' }
      })
      on.onResolve({ filter: /^node:/ }, ({ path, importer }) => ({
        errors: [{ text: `"${path}" is not in the executable, but ${importer} asks for it: use src/kernel` }],
      }))
    },
  }
}

function tablesHash() {
  const header = readFileSync(join(root, 'agent/generated/protocol.h'), 'utf8')
  const [, hash] = /#define PROTOCOL_HASH (0x[0-9a-f]{16})ULL/.exec(header) ?? []
  return hash ?? fail('Cannot build the executable: agent/generated/protocol.h has no PROTOCOL_HASH')
}

function usedCalls(isUsed) {
  return {
    name: 'used-calls',
    setup(on) {
      on.onLoad({ filter: /src\/linux\/calls\/.*\.ts$/ }, ({ path }) => ({
        contents: withoutUnused(readFileSync(path, 'utf8'), isUsed),
        loader: 'ts',
      }))
    },
  }
}

function compile(bundle) {
  mkdirSync(dirname(outfile), { recursive: true })
  const fresh = `${outfile}.${process.pid}`
  const words = [
    ...['build', '--compile', '--bytecode', '--minify', '--format=cjs', ...targetWords()],
    // Neither the working directory nor its files may change what a runtime does.
    ...['--no-compile-autoload-dotenv', '--no-compile-autoload-bunfig'],
    ...['--no-compile-autoload-tsconfig', '--no-compile-autoload-package-json'],
    `--compile-jit-policy=${options.jit}`,
    ...(options.order ? [`--bytecode-order=${resolve(caller, options.order)}`] : []),
    ...[bundle, '--outfile', fresh],
  ]
  // bun reads settings from the environment too.
  const env = { PATH: process.env['PATH'], HOME: process.env['HOME'], TMPDIR: folder }
  const { status, stderr, stdout, error } = spawnSync(bunOf(process.arch), words, {
    encoding: 'utf8',
    env,
    cwd: folder,
  })
  if (error) fail(`Cannot build the executable: bun does not start (${error.code})`)
  if (status !== 0 || !existsSync(fresh))
    fail(`Cannot build the executable: bun ended with ${status}: ${stdout}${stderr}`)
  chmodSync(fresh, 0o755)
  renameSync(fresh, outfile)
}

/** Another architecture's executable is bun for that one, which npm installs with --cpu; without it bun would download one. */
function targetWords() {
  if (arch === process.arch) return []
  return [`--target=bun-${platform}`, `--compile-executable-path=${bunOf(arch)}`]
}

/** The platform's package holds it, until the script of the package `bun`, which is not allowed here, moves it to its own folder. */
function bunOf(architecture) {
  const name = `@oven/bun-linux-${architecture === 'arm64' ? 'aarch64' : architecture}`
  const places = [
    `node_modules/${name}/bin/bun`,
    ...(architecture === process.arch ? ['node_modules/bun/bin/bun.exe'] : []),
  ]
  const found = places
    .map((place) => join(root, place))
    .find((place) => existsSync(place) && statSync(place).size > MEGABYTE)
  if (found === undefined)
    fail(`Cannot build the executable: ${name} is not installed; run npm ci (with its optional packages)`)
  return found
}

function fail(message) {
  console.error(message)
  process.exit(1)
}
