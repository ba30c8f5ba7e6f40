// Builds build/<platform>/carrel-oci: the OCI runtime as one executable that needs no Node on the machine
// (docs/decisions/0039-standalone-by-quickjs.md).
//   node tools/build-standalone.mjs [--quiet] [--arch linux-x64|linux-arm64] [--entry FILE] [--outfile FILE] [--keep]
// esbuild makes parts of the sources that are loaded when they are asked for; their bytecode, the agent and QuickJS are linked with engine/.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  chmodSync,
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
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
import { findQuickjs, QUICKJS } from './quickjs.mjs'
import { makeSnapshot } from './snapshot.mjs'

/** Names of the parts that the others are loaded from: what the engine lacks, and the program. */
const [START, MAIN] = ['start', 'main']

/** What engines ask for most: their parts are loaded in the executable (engine/snapshot.c), those of others when they are asked for. */
const COMMANDS = ['run', 'create', 'start', 'exec', 'delete', 'kill', 'state'].map(
  (name) => `src/oci/commands/${name}.ts`,
)

/** `using` is not among what QuickJS knows */
const TARGET = 'es2022'

/** An entry of the tables in src/linux/calls, as prettier leaves it. */
const CALL = /^  (\w+): \(\) => \(\{(?:.*\}\),|[^]*?^  \}\),)$/gm

/** A system call of the runtime's own process, which is made by its number. */
const OWN_CALL = /\b(?:call|attempt|callError)\(\s*(?:[\w.#]+,\s*)?'\w+'/g

/** `p.mkdirat(`, or `onlyAfter(p, made, 'mkdirat'` */
const STEP = /\.(\w+)\(|\((?:\s*[\w.#]+,)*\s*'(\w+)'/g

/** What of QuickJS is in the executable, and nothing of its own library for programs. */
const UNITS = ['quickjs.c', 'cutils.c', 'libregexp.c', 'libunicode.c', 'dtoa.c']
const CFLAGS = ['-std=gnu11', '-O2', '-fPIE', '-fvisibility=hidden']
const QUICKJS_FLAGS = ['-D_GNU_SOURCE', `-DCONFIG_VERSION="${QUICKJS}"`, '-w']
const OWN_FLAGS = [
  '-Wall',
  '-Wextra',
  '-Wconversion',
  '-Wno-sign-conversion',
  '-Wshadow',
  '-Wstrict-prototypes',
  '-Werror',
]
const LINKED = ['-static-pie', '-s', '-Wl,-z,relro,-z,now', '-Wl,-z,noexecstack', '-Wl,--build-id=none']

/**
 * A snapshot has the addresses of the functions of libm that glibc chooses by the processor: here those for every processor of the
 * architecture. On arm64 there is no choice among them.
 */
const OLDEST_CPU = { GLIBC_TUNABLES: 'glibc.cpu.hwcaps=-SSE4_1,-AVX,-AVX2,-FMA,-FMA4' }

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
    await bundleStart(folder, partsOf([relative(process.cwd(), entry), ...COMMANDS], metafile))
    link(folder)
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
  const everything = await bundle(folder, undefined)
  assertLight(everything.metafile.inputs)
  const needed = await bundle(folder, wordsOf(Object.keys(everything.metafile.inputs)))
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

function bundle(folder, words) {
  return build({
    entryPoints: [entry],
    outdir: folder,
    write: words !== undefined,
    entryNames: MAIN,
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
  const found = new Set(
    Object.keys(outputs).filter((path) => modules.some((name) => outputs[path].entryPoint === name)),
  )
  for (const path of found) {
    for (const each of outputs[path].imports)
      if (each.kind === 'import-statement' && !each.external) found.add(each.path)
  }
  if (found.size === 0) fail(`no part holds one of ${modules.join(', ')}`)
  return [...found].map((path) => basename(path)).filter((name) => name !== `${MAIN}.js`)
}

/** The part that loads the others: a script, which no other part is. */
function bundleStart(folder, loaded) {
  return build({
    entryPoints: [join(root, 'src/kernel/quickjs-start.ts')],
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

/** Bytecode of the parts, and the agent, behind the engine. */
function link(folder) {
  mkdirSync(dirname(outfile), { recursive: true })
  const parts = readdirSync(folder).filter((name) => name.endsWith('.js'))
  const own = buildEngine(process.arch)
  run(join(own, 'compile'), ['parts', ...parts.map((name) => `./${name}`)], folder)
  copyFileSync(agent, join(folder, 'agent'))
  const objects = join(buildEngine(arch), 'objects')
  const inputs = [join(root, 'engine/blob.S'), ...readdirSync(objects).map((name) => join(objects, name))]
  // Written beside and renamed: a running executable keeps the file that it was started from.
  const fresh = `${outfile}.${process.pid}`
  const linkTo = (output) => run(compilerFor(arch), [...LINKED, '-o', output, ...inputs, '-lm'], folder)
  writeFileSync(join(folder, 'snapshot'), '')
  // What is made for another machine cannot run here, and loads its parts at each start.
  if (arch === process.arch) {
    linkTo('plain')
    run('./plain', ['--snapshot', 'first'], folder, OLDEST_CPU)
    run('./plain', ['--snapshot', 'second', 'elsewhere'], folder, OLDEST_CPU)
    const image = BigInt(statSync(join(folder, 'plain')).size)
    writeFileSync(join(folder, 'snapshot'), makeSnapshot(join(folder, 'first'), join(folder, 'second'), image))
  }
  linkTo(fresh)
  chmodSync(fresh, 0o755)
  renameSync(fresh, outfile)
}

/** Objects of engine/ and QuickJS for this architecture, and the compiler of parts: made once. */
function buildEngine(cpu) {
  const sources = findQuickjs(root)
  const own = filesIn(join(root, 'engine'), '.c')
  const inputs = [...own, join(root, 'engine/engine.h')].map((path) => readFileSync(path))
  const hash = createHash('sha256').update([compilerFor(cpu), QUICKJS, CFLAGS, OWN_FLAGS, QUICKJS_FLAGS].join('\0'))
  for (const bytes of inputs) hash.update(bytes)
  const folder = join(root, 'build', `linux-${cpu}`, `engine-${hash.digest('hex').slice(0, 12)}`)
  if (existsSync(folder)) return folder
  for (const old of readdirSync(dirname(folder)).filter((name) => name.startsWith('engine-'))) {
    rmSync(join(dirname(folder), old), { recursive: true })
  }
  const fresh = mkdtempSync(join(dirname(folder), 'new-engine-'))
  mkdirSync(join(fresh, 'objects'))
  const units = [
    ...own.map((path) => ({ path, flags: [...CFLAGS, ...OWN_FLAGS] })),
    ...UNITS.map((name) => ({ path: join(sources, name), flags: [...CFLAGS, ...QUICKJS_FLAGS] })),
  ]
  try {
    compileAll(cpu, fresh, units, sources)
    renameSync(fresh, folder)
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
  return folder
}

function compileAll(cpu, folder, units, sources) {
  const object = (path) => join(folder, 'objects', `${basename(path, '.c')}.o`)
  for (const { path, flags } of units) {
    run(compilerFor(cpu), [...flags, '-isystem', sources, '-c', '-o', object(path), path], root)
  }
  renameSync(object('compile.c'), join(folder, 'compile.o'))
  if (cpu !== process.arch) return
  const words = [join(folder, 'compile.o'), ...UNITS.map((name) => object(name)), '-lm']
  run(compilerFor(cpu), ['-static-pie', '-o', join(folder, 'compile'), ...words], root)
}

function filesIn(folder, ending) {
  const names = readdirSync(folder).filter((name) => name.endsWith(ending))
  return names.map((name) => join(folder, name))
}

/** CC is the compiler for what is built; parts are compiled here. */
function compilerFor(cpu) {
  return cpu === arch ? process.env['CC'] || 'cc' : 'cc'
}

function run(command, words, cwd, variables = {}) {
  const env = { ...process.env, ...variables }
  const { status, signal, error } = spawnSync(command, words, { cwd, env, stdio: ['ignore', 'inherit', 'inherit'] })
  if (error) fail(`${command} does not start (${error.code}): Debian has it in gcc and libc6-dev`)
  if (status !== 0) fail(`${basename(command)} ended with ${status ?? signal}`)
}

function fail(message) {
  throw new Error(message)
}
