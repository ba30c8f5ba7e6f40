// Builds build/<platform>/carrel-oci: the OCI runtime as one executable that needs no Node on the machine
// (docs/decisions/0039-standalone-by-quickjs.md).
//   node tools/build-standalone.mjs [--quiet] [--arch linux-x64|linux-arm64] [--entry FILE] [--outfile FILE] [--keep]
// esbuild makes parts of the sources that are loaded when they are asked for; their bytecode, the agent and QuickJS are linked with engine/.
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  renameSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, dirname, join, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'
import { link } from './engine.mjs'

/** Names of the parts that the others are loaded from: what the engine lacks, and the program. */
const [START, MAIN] = ['start', 'main']

/**
 * What every command needs, and the commands that engines ask for most: their parts are loaded in the executable (engine/snapshot.c), those of
 * others when they are asked for.
 */
const LOADED = [
  'src/kernel/quickjs.ts',
  'src/oci/run-command-line.ts',
  ...['run', 'create', 'start', 'exec', 'delete', 'kill', 'state'].map((name) => `src/oci/commands/${name}.ts`),
]

/** `using` is not among what QuickJS knows */
const TARGET = 'es2022'

/** An entry of the tables in src/linux/calls, as prettier leaves it. */
const CALL = /^  (\w+): \(\) => \(\{(?:.*\}\),|[^]*?^  \}\),)$/gm

/** A system call of the runtime's own process, which is made by its number. */
const OWN_CALL = /\b(?:call|attempt|callError)\(\s*(?:[\w.#]+,\s*)?'\w+'/g

/** `p.mkdirat(`, or `onlyAfter(p, made, 'mkdirat'` */
const STEP = /\.(\w+)\(|\((?:\s*[\w.#]+,)*\s*'(\w+)'/g

const root = dirname(dirname(fileURLToPath(import.meta.url)))
const caller = process.cwd()
const { values: options } = parseArgs({
  options: {
    quiet: { type: 'boolean' },
    arch: { type: 'string', default: `linux-${process.arch}` },
    entry: { type: 'string', default: join(root, 'src/oci/main.ts') },
    outfile: { type: 'string' },
    /** Leaves the parts and what they are made of beside the executable, for profiles */
    keep: { type: 'boolean' },
  },
})
const platform = options.arch
const arch = platform.replace('linux-', '')
const entry = resolve(caller, options.entry)
const outfile = resolve(caller, options.outfile ?? join(root, 'build', platform, 'carrel-oci'))
const agent = join(root, 'build', platform, 'carrel-agent')
process.chdir(root)

try {
  await main()
} catch (error) {
  console.error(error.message)
  process.exitCode = 1
}

async function main() {
  if (!existsSync(agent)) fail(`${agent} is missing; run node tools/build.mjs --arch ${platform} first`)
  const folder = mkdtempSync(join(tmpdir(), 'carrel-standalone-'))
  try {
    const metafile = await bundleSources(folder)
    for (const path of Object.keys(metafile.outputs)) writeFileSync(path, functionOf(path))
    const used = LOADED.filter((name) => name in metafile.inputs)
    await bundleStart(folder, partsOf([relative(root, entry), ...used], metafile))
    mkdirSync(dirname(outfile), { recursive: true })
    // Written beside and renamed: a running executable keeps the file that it was started from.
    link(folder, { arch, agent, output: `${outfile}.${process.pid}` })
    renameSync(`${outfile}.${process.pid}`, outfile)
    if (options.keep) {
      cpSync(folder, `${outfile}.parts`, { recursive: true })
      writeFileSync(`${outfile}.json`, JSON.stringify(metafile))
    }
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
  if (!options.quiet) console.error(`built ${outfile} (${statSync(outfile).size} bytes)`)
}

/** Bundles twice: what the first one holds tells which system calls the second one needs. */
async function bundleSources(folder) {
  const everything = await bundle(folder)
  const { inputs } = everything.metafile
  assertLight(inputs)
  const loaded = LOADED.filter((name) => name in inputs)
  const needed = await bundle(folder, wordsOf(Object.keys(inputs)), loaded)
  return needed.metafile
}

/** A module of Node's costs a millisecond, which only what is imported when it is needed may cost. */
function assertLight(inputs) {
  const reached = new Set(Object.keys(inputs).filter((path) => inputs[path].imports && resolve(path) === entry))
  for (const path of reached) {
    for (const { path: target, kind, external } of inputs[path]?.imports ?? []) {
      if (kind === 'dynamic-import') continue
      if (external && target.startsWith('node:')) {
        fail(
          `every start would load "${target}", for ${path}: use src/kernel, or import() what needs it where it is needed`,
        )
      }
      reached.add(target)
    }
  }
}

/** Every name that a method is called by, or that is an argument in quotes: a superset of the calls that programs are made of. */
function wordsOf(paths) {
  const sources = paths.filter((path) => !/src\/(?:linux|kernel)\//.test(path))
  const texts = sources.map((path) => readFileSync(resolve(path), 'utf8').replace(OWN_CALL, ''))
  return new Set(texts.flatMap((text) => [...text.matchAll(STEP)].map(([, method, argument]) => method ?? argument)))
}

function bundle(folder, words, loaded = []) {
  return build({
    absWorkingDir: root,
    entryPoints: {
      [MAIN]: entry,
      ...Object.fromEntries(loaded.map((path) => [`loaded-${basename(path, '.ts')}`, path])),
    },
    outdir: folder,
    write: words !== undefined,
    bundle: true,
    // A function that stands in a part that is not loaded costs nothing.
    splitting: true,
    metafile: true,
    format: 'esm',
    platform: 'neutral',
    target: TARGET,
    minify: true,
    external: ['node:*'],
    define: { 'import.meta.url': '"file:///carrel-oci"', CARREL_COMMIT: JSON.stringify(commitOf()) },
    logLevel: 'warning',
    plugins: [sourcesOfTheExecutable(words)],
  })
}

/** Names of the parts that these modules are in, and of all that those import, but for the program itself. */
function partsOf(modules, { outputs }) {
  const found = new Set(Object.keys(outputs).filter((path) => modules.includes(outputs[path].entryPoint)))
  if (found.size !== modules.length) fail(`${found.size} parts hold ${modules.join(', ')}`)
  for (const path of found) {
    for (const each of outputs[path].imports)
      if (each.kind === 'import-statement' && !each.external) found.add(each.path)
  }
  return [...found].map((path) => basename(path)).filter((name) => name !== `${MAIN}.js`)
}

/** The part that loads the others: a script, which no other part is. */
function bundleStart(folder, loaded) {
  return build({
    absWorkingDir: root,
    entryPoints: ['src/kernel/quickjs-start.ts'],
    outfile: join(folder, `${START}.js`),
    bundle: true,
    format: 'iife',
    target: TARGET,
    minify: true,
    define: { CARREL_LOADED: JSON.stringify(loaded) },
    logLevel: 'warning',
  })
}

/** What is different in the executable from what Node runs; a file that is not here is taken as it is. */
function sourcesOfTheExecutable(words) {
  const replaced = {
    'src/kernel/current.ts': () => `
      import { quickjsKernel } from './quickjs.ts'
      let known
      export const currentKernel = async () => (known ??= quickjsKernel())`,
    // Computing it takes a millisecond; the header has been generated from the same tables (the check "generated").
    'src/protocol/hash.ts': () => `export const protocolHash = () => ${tablesHash()}n`,
    'src/linux/syscalls.ts': () => lateNumbers(words),
  }
  return {
    name: 'sources-of-the-executable',
    setup(on) {
      on.onLoad({ filter: /\.ts$/ }, ({ path }) => {
        const name = path.slice(root.length + 1)
        if (name in replaced) return { contents: replaced[name](), loader: 'ts' }
        if (words && name.startsWith('src/linux/calls/')) return { contents: withoutUnused(path, words), loader: 'ts' }
        return undefined
      })
    },
  }
}

/** The descriptions of the calls that something in the executable may make: each one costs time at every start. */
function withoutUnused(path, words) {
  return readFileSync(path, 'utf8').replace(CALL, (text, name) => (words.has(name) ? text : ''))
}

/** The numbers of the calls that may be made; the whole tables are made when another one is asked for. */
function lateNumbers(words) {
  const source = readFileSync(join(root, 'src/linux/syscalls.ts'), 'utf8')
  const table = readFileSync(join(root, `src/linux/tables/syscalls-${arch}.ts`), 'utf8')
  const numbers = [...table.matchAll(/^  (\w+): (\d+),/gm)].filter(([, name]) => words?.has(name))
  const start = source.indexOf('/** The number of a system call')
  if (start < 0 || !table.includes('read: ')) fail('src/linux/syscalls.ts is not what it was: see lateNumbers')
  return `
    const USED = { ${numbers.map(([, name, number]) => `${name}: ${number}`).join(', ')} }
    export const SYSCALLS = {
      get x64() { return require('./tables/syscalls-x64.ts').SYSCALLS_X64 },
      get arm64() { return require('./tables/syscalls-arm64.ts').SYSCALLS_ARM64 },
    }
    export const syscallNumber = (arch, name) =>
      arch === '${arch}' && Object.hasOwn(USED, name) ? USED[name] : numberOf(arch, name)
    ${source.slice(start).replace('export function syscallNumber', 'function numberOf')}`
}

/**
 * A part as a function that src/kernel/quickjs-start.ts calls: it reads what it imports once. Parts import each other in one direction only, and no
 * export changes once its part has run.
 */
function functionOf(path) {
  const renamed = (names, order) => names.replace(/([\w$]+) as ([\w$]+)/g, order)
  const text = readFileSync(path, 'utf8')
    .replace(/^#!.*/, '')
    .replace(
      /import\{([^}]*)\}from("[^"]*");/g,
      (_, names, from) => `const{${renamed(names, '$1:$2')}}=require(${from});`,
    )
    .replace(/import("[^"]*");/g, 'require($1);')
    .replace(/\bimport\(("[^"]*")\)/g, 'Promise.resolve().then(()=>require($1))')
    .replace(/export\{([^}]*)\};\s*$/, (_, names) => `module.exports={${renamed(names, '$2:$1')}};`)
  const left = /(?:^|[;}])(?:import|export)\b[\s{*"(][^]{0,60}/.exec(text)
  if (left) fail(`${path} has a statement that functionOf does not know: ${left[0]}`)
  return `(function(require,module){"use strict";${text}\n})`
}

function commitOf() {
  return spawnSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8' }).stdout?.trim() || 'unknown'
}

function tablesHash() {
  const header = readFileSync(join(root, 'agent/generated/protocol.h'), 'utf8')
  const [, hash] = /#define PROTOCOL_HASH (0x[0-9a-f]{16})ULL/.exec(header) ?? []
  return hash ?? fail('agent/generated/protocol.h has no PROTOCOL_HASH')
}

function fail(message) {
  throw new Error(message)
}
