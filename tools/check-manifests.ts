import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Gate, Outcome } from './gate.ts'
import { projectFiles, ROOT } from './project-files.ts'

/** The fields of a package.json that must agree with those of another. */
export interface Manifest {
  readonly name: string
  readonly version: string
  readonly optionalDependencies?: Readonly<Record<string, string>>
}

/** Faults between the root's manifest and those of the platform packages. */
export function judgeManifests(root: Manifest, platforms: readonly Manifest[]): readonly string[] {
  const wanted = root.optionalDependencies ?? {}
  const unknown = Object.keys(wanted).filter((name) => !platforms.some((platform) => platform.name === name))
  return [
    ...unknown.map((name) => `package.json: optional dependency "${name}" has no folder under npm/`),
    ...platforms.flatMap(({ name, version }) => {
      const problems = []
      if (version !== root.version) problems.push(`${name} has version ${version}, ${root.name} has ${root.version}`)
      // Exactly: the agent and the JavaScript that speaks to it are of one build.
      if (wanted[name] !== version)
        problems.push(`package.json: optionalDependencies must name "${name}": "${version}"`)
      return problems
    }),
  ]
}

/** One version in all manifests, and a lock file that works with any registry. */
export const manifestsGate: Gate = { name: 'manifests', run }

function run(): Outcome {
  const paths = projectFiles('npm').filter((path) => path.endsWith('/package.json'))
  const problems = judgeManifests(readManifest('package.json'), paths.map(readManifest))
  const lock = readFileSync(join(ROOT, 'package-lock.json'), 'utf8')
  const urls = lock.split('\n').filter((line) => line.includes('"resolved": "http'))
  const hosts = urls.length === 0 ? [] : [`package-lock.json names a registry ${urls.length} times. Run: ${MEND_LOCK}`]
  return { counts: { manifests: paths.length + 1 }, problems: [...problems, ...hosts] }
}

const MEND_LOCK = 'npm install --package-lock-only --omit-lockfile-registry-resolved'

function readManifest(path: string): Manifest {
  return JSON.parse(readFileSync(join(ROOT, path), 'utf8')) as Manifest
}
