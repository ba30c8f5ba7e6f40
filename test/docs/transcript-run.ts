import {
  chmodSync,
  closeSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Agent } from '../../src/process/index.ts'
import { eventually } from '../support/eventually.ts'
import { descendants } from '../support/proc.ts'
import { REPOSITORY } from '../support/repository.ts'
import { outputLines, outputProblem, quote, type TranscriptCommand } from './transcript.ts'

/** How long the commands of a page may take together, and what they started may take to be gone */
const PATIENCE_MS = 60_000
const END_MS = 2000

interface Place {
  /** The home directory: `carrel` in it is the clone; `desk` is where the commands begin, empty */
  readonly home: string
  /** Where commands are found that the clone has */
  readonly bin: string
  /** What each command prints, and its exit code, by its number */
  readonly output: string
}

/**
 * Types the commands of a page into one bash, and compares.
 * What they start is below a reaper, so that a process which nobody ended is found wherever it went.
 * @returns what is wrong, one text for each problem
 */
export async function replay(
  page: string,
  commands: readonly TranscriptCommand[],
  { patienceMs = PATIENCE_MS }: { readonly patienceMs?: number } = {},
): Promise<readonly string[]> {
  const folder = mkdtempSync(join(tmpdir(), 'carrel-transcript-'))
  try {
    const place = makePlace(folder)
    const left = await runAll(place, commands, patienceMs)
    const problems = commands.flatMap((command, index) => problemOf(command, place, index)).slice(0, 1)
    return [...problems.map((each) => `${page}:${each}`), ...left.map((each) => `${page}: ${each}`)]
  } finally {
    rmSync(folder, { recursive: true })
  }
}

function makePlace(folder: string): Place {
  const place = { home: join(folder, 'home'), bin: join(folder, 'bin'), output: join(folder, 'output') }
  for (const path of [...Object.values(place), join(place.home, 'desk')]) mkdirSync(path, { mode: 0o755 })
  chmodSync(folder, 0o755)
  symlinkSync(REPOSITORY, join(place.home, 'carrel'))
  for (const [name, main] of Object.entries({ carrel: 'dist/cli/main.js', 'carrel-oci': 'dist/oci/main.js' })) {
    const words = [process.execPath, join(REPOSITORY, main)].map((word) => `'${word}'`).join(' ')
    writeFileSync(join(place.bin, name), `#!/bin/sh\nexec ${words} "$@"\n`, { mode: 0o755 })
  }
  return place
}

/** Each command writes to a file of its own: what one in the background prints later stands with the command that started it. */
function scriptOf({ output }: Place, commands: readonly TranscriptCommand[]): string {
  const lines = commands.map(
    ({ text }, index) => `exec >'${output}/${index}' 2>&1\n${text}\necho $? >'${output}/${index}.code'\n`,
  )
  return lines.join('')
}

async function runAll(
  place: Place,
  commands: readonly TranscriptCommand[],
  patienceMs: number,
): Promise<readonly string[]> {
  const script = join(place.output, 'script')
  writeFileSync(script, scriptOf(place, commands))
  const said = openSync(join(place.output, 'said'), 'w')
  await using reaper = await Agent.start()
  try {
    const shell = await (
      await reaper.fork()
    ).exec('/bin/bash', ['bash', script], {
      cwd: join(place.home, 'desk'),
      stdio: ['null', said, said],
      env: {
        PATH: [place.bin, join(process.execPath, '..'), '/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin'].join(':'),
        ...{ HOME: place.home, LC_ALL: 'C.UTF-8', TERM: 'dumb', TZ: 'UTC', USER: 'root' },
      },
    })
    const exit = await shell.watch({ timeoutMs: patienceMs }).catch(() => undefined)
    if (exit === undefined) return [`its commands do not end within ${patienceMs / 1000} seconds`]
    return await leftBelow(reaper.pid)
  } finally {
    closeSync(said)
  }
}

async function leftBelow(reaper: number): Promise<readonly string[]> {
  const left = () => descendants(reaper).map(({ pid, name }) => `it leaves process ${pid} (${name}) behind`)
  return eventually(
    () => left().length === 0,
    () => '',
    END_MS,
  ).then(() => [], left)
}

function problemOf({ line, text, expected, exitCode }: TranscriptCommand, { output }: Place, index: number): string[] {
  const path = join(output, String(index))
  const printed = existsSync(path) ? readFileSync(path, 'utf8') : readFileSync(join(output, 'said'), 'utf8')
  const actual = outputLines(printed)
  const code = existsSync(`${path}.code`) ? Number(readFileSync(`${path}.code`, 'utf8')) : undefined
  const wrong =
    outputProblem(expected, actual) ??
    (code === undefined ? 'it does not come to its end' : undefined) ??
    (code === exitCode ? undefined : `it ends with ${code}, not with ${exitCode}`)
  if (wrong === undefined) return []
  return [`${line}: $ ${text}\n  ${wrong}\n  The page says\n${quote(expected)}\n  It prints\n${quote(actual)}`]
}
