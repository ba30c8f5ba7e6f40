// Builds build/<platform>/carrel-oci: the OCI runtime as one executable that needs no Node on the machine
// (docs/decisions/0030-standalone-by-bun.md).
//   node tools/build-standalone.mjs [--quiet] [--arch linux-x64|linux-arm64] [--entry FILE] [--outfile FILE] [--jit SCALE] [--keep]
// esbuild makes parts of the sources that are loaded when they are asked for, bun puts their bytecode and itself around them.
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
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
import { dirname, join, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { build } from 'esbuild'

/**
 * Variables of the environment that would make the executable bun itself, have it run other code first, let a debugger in, or send
 * reports of crashes: there is no option for them.
 */
const SETTINGS = ['BUN_BE_BUN', 'BUN_OPTIONS', 'BUN_INSPECT', 'BUN_ENABLE_CRASH_REPORTING']

/** Name of the part that the others are loaded from. */
const MAIN = 'main'

/** What stands in the place of a program that is still to be moved there is smaller. */
const MEGABYTE = 1 << 20

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
    /** How much later than usual bun compiles a function to machine code: most commands are over before that pays */
    jit: { type: 'string', default: '100' },
    /** Leaves the parts and what they are made of beside the executable, for profiles */
    keep: { type: 'boolean' },
  },
})
const platform = options.arch
const arch = platform.replace('linux-', '')
const entry = resolve(caller, options.entry)
const outfile = resolve(caller, options.outfile ?? join(root, 'build', platform, 'carrel-oci'))
const agent = join(root, 'build', platform, 'carrel-agent')

await main()

async function main() {
  if (!existsSync(agent)) fail(`${agent} is missing; run node tools/build.mjs --arch ${platform} first`)
  const folder = mkdtempSync(join(tmpdir(), 'carrel-standalone-'))
  try {
    const metafile = await bundleSources(folder)
    for (const path of Object.keys(metafile.outputs)) writeFileSync(path, commonJsOf(path))
    compile(folder)
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
    target: 'es2023',
    minify: true,
    external: ['bun:*', 'node:*'],
    define: { 'import.meta.url': '"file:///carrel-oci"', CARREL_COMMIT: JSON.stringify(commitOf()) },
    banner: { js: '"use strict";' },
    logLevel: 'warning',
    plugins: [sourcesOfTheExecutable(words)],
  })
}

/** What is different in the executable from what Node runs; a file that is not here is taken as it is. */
function sourcesOfTheExecutable(words) {
  const replaced = {
    'src/kernel/embedded-agent.ts': () => `export const embeddedAgent = () => '${readFileSync(agent, 'base64')}'`,
    'src/kernel/current.ts': () => `
      import { bunKernel } from './bun.ts'
      let known
      export const currentKernel = async () => (known ??= bunKernel())`,
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
 * A part as CommonJS, whose bytecode bun loads faster than that of ES modules: it reads what it imports once, where the module system
 * would look it up at each use. Parts import each other in one direction only, and no export changes once its part has run.
 */
function commonJsOf(path) {
  const renamed = (names, order) => names.replace(/([\w$]+) as ([\w$]+)/g, order)
  const text = readFileSync(path, 'utf8')
    .replace(
      /import\{([^}]*)\}from("[^"]*");/g,
      (_, names, from) => `const{${renamed(names, '$1:$2')}}=require(${from});`,
    )
    .replace(/import("[^"]*");/g, 'require($1);')
    .replace(/\bimport\(("[^"]*")\)/g, 'Promise.resolve().then(()=>require($1))')
    .replace(/export\{([^}]*)\};\s*$/, (_, names) => `module.exports={${renamed(names, '$2:$1')}};`)
  const left = /(?:^|[;}])(?:import|export)\b[\s{*"(][^]{0,60}/.exec(text)
  if (left) fail(`${path} has a statement that commonJsOf does not know: ${left[0]}`)
  return text
}

function commitOf() {
  return spawnSync('git', ['rev-parse', 'HEAD'], { cwd: root, encoding: 'utf8' }).stdout?.trim() || 'unknown'
}

function tablesHash() {
  const header = readFileSync(join(root, 'agent/generated/protocol.h'), 'utf8')
  const [, hash] = /#define PROTOCOL_HASH (0x[0-9a-f]{16})ULL/.exec(header) ?? []
  return hash ?? fail('agent/generated/protocol.h has no PROTOCOL_HASH')
}

function compile(folder) {
  mkdirSync(dirname(outfile), { recursive: true })
  // Written beside and renamed: a running executable keeps the file that it was started from.
  const fresh = `${outfile}.${process.pid}`
  const words = [
    ...['build', '--compile', '--bytecode', '--minify', '--format=cjs', `--compile-jit-policy=${options.jit}`],
    // Neither the working directory nor its files may change what a runtime does.
    ...['--no-compile-autoload-dotenv', '--no-compile-autoload-bunfig'],
    ...['--no-compile-autoload-tsconfig', '--no-compile-autoload-package-json'],
    ...[...targetWords(), join(folder, `${MAIN}.js`), '--outfile', fresh],
  ]
  // bun reads settings from the environment too.
  const env = { PATH: process.env['PATH'] ?? '', HOME: folder, TMPDIR: folder }
  const { status, stderr, stdout, error } = spawnSync(bunOf(process.arch), words, {
    encoding: 'utf8',
    env,
    cwd: folder,
  })
  if (error) fail(`bun does not start (${error.code})`)
  if (status !== 0 || !existsSync(fresh)) fail(`bun ended with ${status}: ${stdout}${stderr}`)
  ignoreSettings(fresh)
  chmodSync(fresh, 0o755)
  if (arch === process.arch) assertIgnored(fresh)
  renameSync(fresh, outfile)
}

/** Puts a "=" into their names: no environment has a variable of such a name. */
function ignoreSettings(path) {
  const bytes = readFileSync(path)
  for (const name of SETTINGS) {
    let at = bytes.indexOf(name)
    if (at < 0) fail(`bun does not know ${name} any more: see SETTINGS`)
    for (; at >= 0; at = bytes.indexOf(name, at)) bytes.write('=', at + 'BUN'.length)
  }
  writeFileSync(path, bytes)
}

function assertIgnored(path) {
  const outputOf = (env) => spawnSync(path, ['--version'], { encoding: 'utf8', env }).stdout
  const usual = outputOf({})
  for (const name of SETTINGS) {
    if (outputOf({ [name]: name === 'BUN_OPTIONS' ? '--revision' : '1' }) !== usual)
      fail(`${name} still changes what it does`)
  }
}

/** Another architecture's executable is bun for that one, which npm installs with --cpu; without it bun would download one. */
function targetWords() {
  return arch === process.arch ? [] : [`--target=bun-${platform}`, `--compile-executable-path=${bunOf(arch)}`]
}

/** The platform's package holds it, until the script of the package `bun`, which is not allowed here, moves it to its own folder. */
function bunOf(architecture) {
  const name = `@oven/bun-linux-${architecture === 'arm64' ? 'aarch64' : architecture}`
  const moved = architecture === process.arch ? ['node_modules/bun/bin/bun.exe'] : []
  const places = [`node_modules/${name}/bin/bun`, ...moved].map((place) => join(root, place))
  const found = places.find((place) => existsSync(place) && statSync(place).size > MEGABYTE)
  return found ?? fail(`${name} is not installed; run npm ci with its optional packages`)
}

function fail(message) {
  console.error(`Cannot build the executable: ${message}`)
  process.exit(1)
}
