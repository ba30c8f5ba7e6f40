// The engine of the standalone executable: engine/ and QuickJS as objects, made once, and what is linked with them.
import { spawnSync } from 'node:child_process'
import { createHash } from 'node:crypto'
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { cLibrary } from './c-library.mjs'
import { findQuickjs } from './quickjs.mjs'
import { makeSnapshot } from './snapshot.mjs'

/** What of QuickJS is in the executable, and nothing of its own library for programs. */
const UNITS = ['quickjs.c', 'cutils.c', 'libregexp.c', 'libunicode.c', 'dtoa.c']
const FLAGS = ['-std=gnu11', '-O2', '-fPIE', '-fvisibility=hidden']
const QUICKJS_FLAGS = [...FLAGS, '-D_GNU_SOURCE', '-DCONFIG_VERSION=""', '-w']
const WARNINGS = ['-Wall', '-Wextra', '-Wconversion', '-Wno-sign-conversion', '-Wshadow', '-Wstrict-prototypes']
const OWN_FLAGS = [...FLAGS, ...WARNINGS, '-Werror']
const LINKED = ['-static-pie', '-s', '-Wl,-z,relro,-z,now', '-Wl,-z,noexecstack', '-Wl,--build-id=none']

/**
 * A snapshot has the addresses of the functions of libm, which glibc chooses by the processor: here those for every processor of the
 * architecture. On arm64 there is no choice among them, nor in musl.
 */
const OLDEST_CPU = { GLIBC_TUNABLES: 'glibc.cpu.hwcaps=-SSE4_1,-AVX,-AVX2,-FMA,-FMA4' }

const root = dirname(dirname(fileURLToPath(import.meta.url)))

/** Links the bytecode of the parts in a folder, an agent, and the engine with parts loaded; files are left in the folder. */
export function link(folder, { arch, agent, output }) {
  // CC is the compiler for what is built; parts are compiled here.
  const cc = process.env['CC'] || 'cc'
  const target = buildEngine(arch, cc)
  const own = arch === process.arch ? target : buildEngine(process.arch, 'cc')
  const parts = readdirSync(folder).filter((name) => name.endsWith('.js'))
  run(join(own, 'compile'), ['parts', ...parts.map((name) => `./${name}`)], folder)
  copyFileSync(agent, join(folder, 'agent'))
  const inputs = [join(root, 'engine/blob.S'), ...filesIn(join(target, 'objects'), '.o')]
  const { linking } = cLibrary(arch, cc)
  const linkTo = (path) => run(cc, [...LINKED, '-o', path, ...linking(inputs)], folder)
  writeFileSync(join(folder, 'snapshot'), '')
  // What is made for another machine cannot run here, and loads its parts at each start.
  if (arch === process.arch) {
    linkTo('plain')
    run('./plain', ['--snapshot', 'first'], folder, OLDEST_CPU)
    run('./plain', ['--snapshot', 'second', 'elsewhere'], folder, OLDEST_CPU)
    writeFileSync(join(folder, 'snapshot'), makeSnapshot(join(folder, 'first'), join(folder, 'second')))
  }
  linkTo(output)
}

/** A folder with objects/ of engine/ and QuickJS for this architecture and, where it runs here, `compile`, which makes bytecode of parts. */
function buildEngine(arch, cc) {
  const sources = findQuickjs(root)
  const own = filesIn(join(root, 'engine'), '.c')
  const library = cLibrary(arch, cc)
  const foreign = UNITS.map((name) => join(sources, name))
  const place = join(root, 'build', `linux-${arch}`)
  const hash = createHash('sha256').update([cc, ...OWN_FLAGS, ...QUICKJS_FLAGS, ...library.compiling].join('\0'))
  for (const path of [...own, join(root, 'engine/engine.h'), ...foreign]) hash.update(readFileSync(path))
  const folder = join(place, `engine-${library.name}-${hash.digest('hex').slice(0, 12)}`)
  if (existsSync(folder)) return folder
  for (const old of readdirSync(place).filter((name) => name.startsWith(`engine-${library.name}-`))) {
    rmSync(join(place, old), { recursive: true })
  }
  const fresh = mkdtempSync(join(place, 'new-engine-'))
  try {
    const object = (path) => join(fresh, 'objects', `${basename(path, '.c')}.o`)
    mkdirSync(join(fresh, 'objects'))
    const compile = (path, flags) => run(cc, [...flags, ...library.compiling, '-c', '-o', object(path), path], root)
    for (const path of own) compile(path, [...OWN_FLAGS, '-isystem', sources])
    for (const path of foreign) compile(path, QUICKJS_FLAGS)
    renameSync(object('compile.c'), join(fresh, 'compile.o'))
    const words = library.linking([join(fresh, 'compile.o'), ...foreign.map(object)])
    if (arch === process.arch) run(cc, ['-static-pie', '-o', join(fresh, 'compile'), ...words], root)
    renameSync(fresh, folder)
  } finally {
    rmSync(fresh, { recursive: true, force: true })
  }
  return folder
}

function filesIn(folder, ending) {
  const names = readdirSync(folder).filter((name) => name.endsWith(ending))
  return names.map((name) => join(folder, name))
}

function run(command, words, cwd, variables = {}) {
  const env = { ...process.env, ...variables }
  const { status, signal, error } = spawnSync(command, words, { cwd, env, stdio: ['ignore', 'inherit', 'inherit'] })
  if (error) throw new Error(`${command} does not start (${error.code}): Debian has it in gcc and libc6-dev`)
  if (status !== 0) throw new Error(`${basename(command)} ended with ${status ?? signal}`)
}
