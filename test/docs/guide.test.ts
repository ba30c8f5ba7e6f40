import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { after, test } from 'node:test'
import { REPOSITORY } from '../support/repository.ts'
import { requires } from '../support/requires.ts'

const GUIDE = join(REPOSITORY, 'docs/guide')
const pages = [join(REPOSITORY, 'README.md'), ...readdirSync(GUIDE).map((name) => join(GUIDE, name))]

// Inside the repository: there the package's own name resolves to the build.
const folder = join(REPOSITORY, 'build', `docs-${process.pid}`)
mkdirSync(folder, { recursive: true })
after(() => rmSync(folder, { recursive: true }))

/** The blocks of a Markdown page in this language. */
function blocksOf(page: string, language: string): string[] {
  const text = readFileSync(page, 'utf8')
  return [...text.matchAll(/^```(\w*)\n([^]*?)^```/gm)].flatMap(([, name, body]) =>
    name === language && body !== undefined ? [body] : [],
  )
}

function node(...args: readonly string[]): string {
  const { status, stdout, stderr } = spawnSync(process.execPath, args, {
    cwd: REPOSITORY,
    encoding: 'utf8',
    timeout: 60_000,
  })
  assert.equal(status, 0, stdout + stderr)
  return stdout
}

for (const page of pages) {
  blocksOf(page, 'ts').forEach((block, index) => {
    const name = `${basename(page, '.md')}-${index + 1}`
    const file = join(folder, `${name}.ts`)
    writeFileSync(file, block)
    test(`D-A28: the program ${name} of the documentation runs`, () => {
      node('--import', 'tsx', file)
    })
  })
}

test('D-A28: no program of the documentation has a type error', () => {
  const files = readdirSync(folder).filter((name) => name.endsWith('.ts'))
  assert(files.length > 20)
  const config = join(folder, 'tsconfig.json')
  writeFileSync(config, JSON.stringify({ extends: '../../tsconfig.json', include: ['*.ts'] }))
  node('node_modules/typescript/bin/tsc', '--noEmit', '--project', config)
})

test('every decision is in the index of decisions, by its number and title', () => {
  const decisions = join(REPOSITORY, 'docs/decisions')
  const records = readdirSync(decisions).filter((name) => /^\d{4}-.*\.md$/.test(name))
  assert(records.length > 20)
  const index = readFileSync(join(decisions, 'README.md'), 'utf8').split('\n')
  for (const [at, name] of records.entries()) {
    const [title = ''] = readFileSync(join(decisions, name), 'utf8').split('\n')
    assert.equal(Number(title.slice(2, 6)), at + 1)
    assert(index.includes(`- [${title.slice(2)}](${name})`), title)
  }
})

/** Without step numbers, and with the same name for whatever differs between two starts. */
function normalize(line: string): string {
  const bare = line.replace(/^\s*\d*\s+/, '').trim()
  return bare
    .replace(/\br\d+\b/g, 'rN')
    .replace(/carrel-\w+\.\d+-\d+-\w+/g, 'NAME')
    .replace(/\b\d{10}\b/g, 'NUMBER')
}

test('every test that SECURITY.md names exists', () => {
  const named = [...readFileSync(join(REPOSITORY, 'SECURITY.md'), 'utf8').matchAll(/"([^"\n]{12,})"/g)].map(
    ([, title]) => title ?? '',
  )
  assert(named.length > 10)
  const files = ['src', 'test'].flatMap((top) =>
    readdirSync(join(REPOSITORY, top), { recursive: true, encoding: 'utf8' }).map((path) =>
      join(REPOSITORY, top, path),
    ),
  )
  const tests = files
    .filter((path) => path.endsWith('.test.ts'))
    .map((path) => readFileSync(path, 'utf8'))
    .join('\n')
  assert.deepEqual(
    named.filter((title) => !tests.includes(title)),
    [],
  )
})

test('chapter 5 quotes what explain prints', requires({ root: true }), () => {
  const printed = node('dist/cli/main.js', 'explain', '--bind', '/tmp:/data', '--', '/bin/true')
    .split('\n')
    .map(normalize)
  const quoted = blocksOf(join(GUIDE, '5-how-a-container-is-made.md'), '').flatMap((block) => block.split('\n'))
  // The chapter shows the files of cgroup v1.
  const isV1 = existsSync('/sys/fs/cgroup/memory')
  const lines = quoted
    .map(normalize)
    .filter((line) => line !== '' && line !== '…' && (isV1 || !/memory|cgroup/.test(line)))
  assert(lines.length > 50)
  const missing = lines.filter((line) => {
    const pattern = new RegExp(
      `^${line
        .split('…')
        .map((part) => part.replace(/[^\w\s]/g, '\\$&'))
        .join('.*')}`,
    )
    return !printed.some((each) => pattern.test(each))
  })
  assert.deepEqual(missing, [])
})
