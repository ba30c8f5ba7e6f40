import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { UnsupportedError } from '../base/errors.ts'

/** A built file that this package needs beside its JavaScript. */
export type BinaryName = 'carrel-agent' | 'carrel.node'

/** Where `findBinary` looks; tests pass their own. */
export interface BinaryPlaces {
  /** Value of the environment's CARREL_BINARIES: a folder that replaces all other places */
  readonly override: string | undefined
  /** Root of this package: the folder of its package.json */
  readonly packageRoot: string
  /** `linux-x64`, `linux-arm64` */
  readonly platform: string
  /** Folder of an installed package, undefined if it is not installed */
  readonly findPackage: (name: string) => string | undefined
}

/**
 * Path of a built file: from CARREL_BINARIES, else from the build of this checkout, else from the platform's package.
 * @throws UnsupportedError that lists the places looked at and the remedy
 */
export function findBinary(name: BinaryName, places: BinaryPlaces = ownPlaces()): string {
  assertLinux()
  const folders = foldersOf(places)
  const found = folders.map((folder) => join(folder, name)).find((path) => existsSync(path))
  if (found !== undefined) return found
  throw new UnsupportedError(`Cannot find "${name}" for ${places.platform} (looked in ${folders.join(', ')})`, {
    fact: `binary:${name}`,
    remedy: remedyFor(places),
  })
}

/** Every door answers so elsewhere; modules, types and the printing of programs work on all systems. @throws UnsupportedError */
export function assertLinux(system: string = process.platform): void {
  if (system === 'linux') return
  throw new UnsupportedError(`Carrel makes containers of the Linux kernel, and this system is ${system}`, {
    fact: 'platform',
    remedy: 'run it in a virtual machine with Linux: WSL 2, Lima, or a cloud machine',
  })
}

// An explicit folder is the only place looked at: running another binary than the named one would fail open.
function foldersOf(places: BinaryPlaces): readonly string[] {
  if (places.override) return [places.override]
  const packaged = places.findPackage(packageOf(places))
  return [join(places.packageRoot, 'build', places.platform), ...(packaged === undefined ? [] : [packaged])]
}

function remedyFor(places: BinaryPlaces): string {
  if (places.override) return 'build it there, or unset CARREL_BINARIES'
  const install = `install the package ${packageOf(places)} (an optional dependency: do not install with --omit=optional)`
  return `${install}, or run "npm run build" in a checkout`
}

function packageOf(places: BinaryPlaces): string {
  return `carrel-${places.platform}`
}

function ownPlaces(): BinaryPlaces {
  return {
    override: process.env['CARREL_BINARIES'],
    // This file is src/kernel/binaries.ts in a checkout and dist/kernel/binaries.js in the package.
    packageRoot: join(dirname(fileURLToPath(import.meta.url)), '..', '..'),
    platform: `linux-${process.arch}`,
    findPackage,
  }
}

function findPackage(name: string): string | undefined {
  try {
    return dirname(createRequire(import.meta.url).resolve(`${name}/package.json`))
  } catch {
    return undefined
  }
}
