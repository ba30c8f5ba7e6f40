import { readFileSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import type { Gate, Outcome } from './gate.ts'
import { projectFiles, ROOT } from './project-files.ts'
import { lineOf, scanSource } from './scan-source.ts'

/** Folders of src/, bottom to top: each imports only from itself and from those before it. */
export const LAYERS = [
  'base',
  'linux',
  'protocol',
  'program',
  'kernel',
  'process',
  'netlink',
  'host',
  'features',
  'plan',
  'bundle',
  'cgroup',
  'container',
  'sandbox',
  'oci',
  'ns',
  'nsinit',
  'serve',
  'cli',
] as const

type Layer = (typeof LAYERS)[number]

/** Layers that decide and never do: no node:* module and no global of Node, so that they are tested without a machine. */
export const PURE: ReadonlySet<string> = new Set<Layer>([
  'base',
  'linux',
  'protocol',
  'program',
  'features',
  'plan',
  'bundle',
])

/** Files of pure layers that may look at the machine, with the reason. */
const IMPURE_FILES: Readonly<Record<string, string>> = {
  'src/linux/arch.ts': "the tables of the machine's own architecture are the default everywhere",
}

const NODE_GLOBALS =
  /(?<![.\w$'"])(?:Buffer|process|global|require|module|__dirname|__filename|setImmediate|clearImmediate)\b(?!\s*\??[:'"])/g

/** A statement or expression that loads another module. */
export interface Import {
  readonly specifier: string
  readonly line: number
}

/** A file of src/ as the check sees it. */
export interface SourceFile {
  /** Path relative to the root, `src/base/errors.ts` */
  readonly path: string
  readonly text: string
}

/** What was found in the files. */
export interface LayerReport {
  readonly problems: readonly string[]
  readonly imports: number
  /** Number of imports per `from -> to`, between different layers */
  readonly edges: ReadonlyMap<string, number>
}

/** All modules that a source names: import, export from, import(), and types by import(). */
export function importsOf(text: string): readonly Import[] {
  const { withoutComments, codeOnly } = scanSource(text)
  const pattern = /\b(?:(?:import|export)\b[^;'"()]*?\bfrom\s*|import\s*\(\s*|import\s+)(['"])/g
  return [...codeOnly.matchAll(pattern)].map((match) => {
    const start = match.index + match[0].length
    const end = withoutComments.indexOf(match[1] ?? '', start)
    return { specifier: withoutComments.slice(start, end), line: lineOf(text, match.index) }
  })
}

/** Checks the direction of every import, and that pure layers stay pure. */
export function checkLayers(files: readonly SourceFile[]): LayerReport {
  const problems: string[] = []
  const edges = new Map<string, number>()
  let imports = 0
  for (const file of files) {
    const layer = layerOf(file.path)
    if (layer === undefined) {
      problems.push(`${file.path}: is in no layer; src/ holds only ${LAYERS.join(', ')} (tools/check-layers.ts)`)
      continue
    }
    for (const found of importsOf(file.text)) {
      imports++
      const problem = judge(file.path, layer, found.specifier)
      if (problem !== undefined) problems.push(`${file.path}:${found.line}: ${problem}`)
      const target = found.specifier.startsWith('.') ? layerOf(targetOf(file.path, found.specifier)) : undefined
      if (target !== undefined && target !== layer && !isTest(file.path)) {
        edges.set(`${layer} -> ${target}`, (edges.get(`${layer} -> ${target}`) ?? 0) + 1)
      }
    }
    problems.push(...impureGlobals(file, layer))
  }
  return { problems, imports, edges }
}

/** Run-time dependencies, each where it belongs: argument parsing and the terminal at the door. */
const PACKAGES: Partial<Record<Layer, readonly string[]>> = {
  cli: ['commander', 'string-width', 'cli-truncate', 'ansi-escapes', 'signal-exit'],
}

function judge(path: string, layer: Layer, specifier: string): string | undefined {
  if (specifier.startsWith('node:')) {
    if (!PURE.has(layer) || isTest(path)) return undefined
    return `"${layer}" is pure and cannot import "${specifier}"; do it in a layer that acts (process, host, container)`
  }
  if (!specifier.startsWith('.')) {
    if (PACKAGES[layer]?.includes(specifier)) return undefined
    return `"${layer}" cannot import the package "${specifier}"; packages and their layers are listed in tools/check-layers.ts`
  }
  if (isTest(path) && targetOf(path, specifier).startsWith('test/')) return undefined
  const target = layerOf(targetOf(path, specifier))
  if (target === undefined) return `"${specifier}" leads out of the layers; src/ imports only from src/<layer>/`
  if (!specifier.endsWith('.ts')) return `"${specifier}" lacks the extension .ts`
  if (LAYERS.indexOf(target) <= LAYERS.indexOf(layer)) return undefined
  return `"${layer}" cannot import "${specifier}": "${target}" stands above it (${LAYERS.join(' < ')})`
}

function impureGlobals(file: SourceFile, layer: Layer): readonly string[] {
  if (!PURE.has(layer) || isTest(file.path) || file.path in IMPURE_FILES) return []
  const { codeOnly } = scanSource(file.text)
  return [...codeOnly.matchAll(NODE_GLOBALS)].map(
    (match) =>
      `${file.path}:${lineOf(file.text, match.index)}: "${layer}" is pure and cannot use "${match[0]}" of Node`,
  )
}

function layerOf(path: string): Layer | undefined {
  const [top, folder, ...rest] = path.split('/')
  return top === 'src' && rest.length > 0 ? LAYERS.find((layer) => layer === folder) : undefined
}

function targetOf(path: string, specifier: string): string {
  return normalize(join(dirname(path), specifier))
}

function isTest(path: string): boolean {
  return path.endsWith('.test.ts')
}

/** The layers top to bottom, with what each imports and how often. */
export function drawLayers(edges: ReadonlyMap<string, number>): string {
  const rows = LAYERS.toReversed().map((layer) => {
    const targets = LAYERS.toReversed().flatMap((target) => {
      const count = edges.get(`${layer} -> ${target}`)
      return count === undefined ? [] : [`${target} ${count}`]
    })
    const name = `${layer}${PURE.has(layer) ? ' (pure)' : ''}`
    return targets.length === 0 ? name : `${name.padEnd(16)} -> ${targets.join(', ')}`
  })
  return rows.join('\n')
}

/** Layers of src/: direction of imports and purity. */
export function layersGate(withPicture: boolean): Gate {
  return { name: 'layers', run: () => run(withPicture) }
}

function run(withPicture: boolean): Outcome {
  const paths = projectFiles('src').filter((path) => path.endsWith('.ts'))
  const files = paths.map((path) => ({ path, text: readFileSync(join(ROOT, path), 'utf8') }))
  const { problems, imports, edges } = checkLayers(files)
  const notes = withPicture ? [drawLayers(edges)] : []
  return { counts: { files: files.length, imports, 'edges between layers': edges.size }, problems, notes }
}
