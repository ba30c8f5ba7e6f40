import assert from 'node:assert/strict'
import { execFileSync, spawnSync } from 'node:child_process'
import { closeSync, existsSync, mkdtempSync, openSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { basename, join } from 'node:path'
import { after, test } from 'node:test'
import { useOci } from '../support/oci.ts'
import { REPOSITORY } from '../support/repository.ts'
import { requires } from '../support/requires.ts'
import { fixture, FIXTURE_NAMES } from './engine-fixture.ts'

// What engine/ gives to the standalone executable in the place of Node.

const EXECUTABLE = join(REPOSITORY, `build/linux-${process.arch}/carrel-oci`)
const MIB = 2 ** 20
const ROOT = requires({ root: true })

useOci()

const folder = mkdtempSync(join(tmpdir(), 'carrel-engine-'))
after(() => rmSync(folder, { recursive: true }))

/** A program as such an executable. @param library musl if it is here, or the compiler's own */
function built(entry: string, library = ''): string {
  const program = join(folder, `${basename(entry, '.ts')}${library}`)
  if (existsSync(program)) return program
  const words = ['tools/build-standalone.mjs', '--quiet', '--entry', entry, '--outfile', program]
  const env = { ...process.env, CARREL_LIBC: library }
  execFileSync(process.execPath, words, { cwd: REPOSITORY, env, stdio: ['ignore', 'ignore', 'inherit'] })
  return program
}

/** Both print the same lines, of which there are more than so many. */
function assertSame(entry: string, words: readonly string[], least: number, library?: string): void {
  const expected = outputOf([process.execPath, '--import', 'tsx', entry, ...words])
  const found = outputOf([built(entry, library), ...words])
  assert.ok(expected.length > least, String(expected.length))
  expected.forEach((line, i) => assert.equal(found[i], line))
  assert.equal(found.length, expected.length)
}

test('text, numbers and all else that src/ uses are in the engine of the executable what they are in Node', () => {
  assertSame('test/oci/engine-program.ts', [], 10_000)
})

test('they are the same with the C library of the compiler, where there is no musl', () => {
  assertSame('test/oci/engine-program.ts', [], 10_000, 'compiler')
})

test(
  'what the runtime says to wrong configurations, and its plans for right ones, are the same by both engines',
  ROOT,
  () => {
    const bundles = FIXTURE_NAMES.map((name) => fixture(name).bundle.path)
    assertSame('test/oci/plans-program.ts', bundles, 6000)
  },
)

/** Lines that a command prints into a file: Node makes a pipe nonblocking. */
function outputOf([command = '', ...words]: readonly string[]): readonly string[] {
  const path = join(folder, 'output')
  const file = openSync(path, 'w')
  const { status, stderr } = spawnSync(command, words, {
    cwd: REPOSITORY,
    stdio: ['ignore', file, 'pipe'],
    encoding: 'utf8',
  })
  closeSync(file)
  assert.equal(status, 0, stderr)
  return readFileSync(path, 'utf8').split('\n')
}

test('objects that hold each other are given back', () => {
  // 300,000 of them take 600 MiB together.
  const { status, stderr } = spawnSync(
    'sh',
    ['-c', `ulimit -v ${(400 * MIB) / 1024}; exec "$0"`, built('test/oci/engine-program.ts')],
    {
      encoding: 'utf8',
    },
  )
  assert.equal(status, 0, stderr)
})

test('without memory the executable says so, and ends with 1', () => {
  let refusals = 0
  // Below, the kernel does not execute it.
  for (let kib = 5500; kib < 9000; kib += 100) {
    const { status, signal, stderr } = spawnSync('sh', ['-c', `ulimit -v ${kib}; exec "$0" features`, EXECUTABLE], {
      encoding: 'utf8',
    })
    assert.equal(signal, null, `${kib} KiB: ${signal}`)
    if (status === 0) continue
    refusals++
    assert.equal(status, 1)
    assert.match(stderr, /the engine does not start|out of memory/)
  }
  assert.ok(refusals > 0)
})

test('a stream that was closed is the null device, and not the first file that is opened', () => {
  const script = `exec 0<&- 2>&-; exec "$0" --version`
  const { stdout, status } = spawnSync('sh', ['-c', script, EXECUTABLE], { encoding: 'utf8' })
  assert.equal(status, 0)
  assert.match(stdout, /^carrel-oci version/)
})

test('the executable is static, may lie anywhere in memory, and has no executable stack', () => {
  const file = readFileSync(EXECUTABLE)
  const ET_DYN = 3
  assert.equal(file.readUInt16LE(16), ET_DYN)
  const [at, size, count] = [Number(file.readBigUInt64LE(32)), file.readUInt16LE(54), file.readUInt16LE(56)]
  const headers = Array.from({ length: count }, (_, i) => file.subarray(at + i * size))
  const flagsOf = (type: number): number[] =>
    headers.filter((header) => header.readUInt32LE(0) === type).map((header) => header.readUInt32LE(4))
  const [PT_INTERP, PT_GNU_STACK, PF_X] = [3, 0x6474_e551, 1]
  assert.deepEqual(flagsOf(PT_INTERP), [])
  assert.deepEqual(
    flagsOf(PT_GNU_STACK).map((flags) => flags & PF_X),
    [0],
  )
})

test('two processes of the executable have their memory at different addresses', () => {
  const seen = new Set(Array.from({ length: 4 }, () => addressesOf(EXECUTABLE)))
  assert.ok(seen.size > 1, [...seen].join())
})

/** Where the copy of the snapshot is, by strace: the memory that huge pages are asked for. */
function addressesOf(path: string): string {
  const { stderr } = spawnSync('strace', ['-e', 'trace=madvise', path, '--version'], { encoding: 'utf8' })
  return /madvise\((0x[0-9a-f]+), \d+, MADV_HUGEPAGE\)/.exec(stderr)?.[1] ?? assert.fail(stderr)
}
