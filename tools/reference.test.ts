import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { allCalls } from '../src/linux/calls/index.ts'
import { CONSTANTS } from '../src/linux/constants.ts'
import { FOREIGN } from '../src/linux/foreign.ts'
import * as door from '../src/process/index.ts'
import { parseAbout } from './call-about.ts'
import { checkGenerated } from './check-generated.ts'
import { declarationsOf } from './declarations.ts'
import { anchorsOf, linksOf } from './check-docs.ts'
import { GENERATORS } from './generators.ts'
import { projectFiles, ROOT } from './project-files.ts'

const REFERENCE = 'docs/reference'
const written = new Map(GENERATORS.map((file) => [file.path, file.render]))
const pageOf = (path: string): string => {
  const render = written.get(`${REFERENCE}/${path}`)
  assert.ok(render, `no generator writes ${path}`)
  return render()
}

test('every call has a page that says its signature, its man page and its time limit, and the index links it', () => {
  const index = linksOf(pageOf('syscalls.md')).map(({ target }) => target)
  for (const [key, call] of Object.entries(allCalls())) {
    const page = pageOf(`calls/${key}.md`)
    assert.ok(index.includes(`calls/${key}.md`), key)
    assert.ok(page.includes(`agent.sys.${key}(`) && page.includes(`program().${key}(`), key)
    assert.match(page, /man7\.org\/linux\/man-pages\/man2\/\w+\.2\.html/)
    assert.match(page, 'waits' in call && call.waits ? /Time limit: none/ : /Time limit: the one of all calls/, key)
    for (const [name] of (('about' in call && call.about) || '').matchAll(/\bE[A-Z0-9]{2,}\b/g)) {
      assert.ok(page.includes(`- \`${name}\`: `), `${key}: ${name}`)
    }
  }
})

test('every group of constants and every foreign call is there, with all its names', () => {
  const index = linksOf(pageOf('constants.md')).map(({ target }) => target)
  for (const [group, sets] of Object.entries(CONSTANTS)) {
    const page = pageOf(`constants/${group}.md`)
    assert.ok(index.includes(`constants/${group}.md`), group)
    for (const name of sets.flatMap((set) => Object.keys(set.values))) assert.ok(page.includes(`| \`${name}\` |`), name)
  }
  const anchors = anchorsOf(pageOf('foreign.md').replaceAll('\\_', '_'))
  for (const name of Object.keys(FOREIGN)) assert.ok(anchors.has(name), name)
})

test('every public method of the classes of carrel/process has a section, and nothing private has', () => {
  const page = pageOf('process.md').replaceAll('\\_', '_')
  const headings = new Set([...page.matchAll(/^#{2,3} (.*)$/gm)].map(([, heading]) => heading))
  const hidden = /^ {2}(?:protected|private) (?:(?:abstract|async|override|readonly|get) )*(\w+)/gm
  const sources = projectFiles('src/process').map((path) => readFileSync(join(ROOT, path), 'utf8'))
  const inner = new Set(sources.flatMap((source) => [...source.matchAll(hidden)].map(([, name]) => name)))
  let methods = 0
  for (const [name, exported] of Object.entries(door)) {
    if (typeof exported !== 'function' || exported.prototype instanceof Error) continue
    assert.ok(headings.has(name), `no section for ${name}`)
    // Arrow functions have no prototype.
    const own = Object.getOwnPropertyNames(exported.prototype ?? {}).filter(
      (each) => each !== 'constructor' && !inner.has(each),
    )
    for (const method of own) assert.ok(headings.has(`${name}.${method}`), `no section for ${name}.${method}`)
    methods += own.length
  }
  assert.ok(methods >= 20, `only ${methods} methods`)
  assert.ok(!/^### .*[#[]/m.test(page))
})

test('a page that no generator writes any more fails the check', () => {
  const orphan = join(ROOT, REFERENCE, 'calls', 'no_such_call.md')
  assert.ok(!existsSync(orphan))
  writeFileSync(orphan, '# no_such_call\n')
  try {
    const { problems } = checkGenerated(GENERATORS)
    assert.ok(problems.some((problem) => problem.startsWith(`${REFERENCE}/calls/no_such_call.md: no generator`)))
  } finally {
    rmSync(orphan)
  }
})

test('parseAbout() tells summary, kernel and errors apart', () => {
  assert.deepEqual(parseAbout('Opens (5.6). EXDEV or ELOOP when a rule forbids it, EAGAIN'), {
    summary: 'Opens',
    since: '5.6',
    later: undefined,
    errors: [
      { errno: 'EXDEV', when: 'when a rule forbids it' },
      { errno: 'ELOOP', when: 'when a rule forbids it' },
      { errno: 'EAGAIN', when: '' },
    ],
  })
  assert.deepEqual(parseAbout('Marks them (5.9, CLOEXEC 5.11)'), {
    summary: 'Marks them',
    since: '5.9',
    later: 'CLOEXEC 5.11',
    errors: [],
  })
  const { summary, errors } = parseAbout('Reads PR_GET_TSC … EPERM (locked flags, more), E2BIG')
  assert.equal(summary, 'Reads PR_GET_TSC …')
  assert.deepEqual(errors, [
    { errno: 'EPERM', when: 'locked flags, more' },
    { errno: 'E2BIG', when: '' },
  ])
})

test('declarationsOf() reads docstrings, overloads and heads, and leaves out what is private', () => {
  const source = `
/** A thing. @throws StateError */
export class Thing extends Base {
  readonly #hidden = 1
  /** Its number */
  readonly number: number = 3

  private constructor() {}

  /**
   * Does it,
   * twice.
   * @throws StateError
   */
  override async act(
    first: string,
    second = false,
  ): Promise<void> {
    return this.#inner()
  }

  /** One way */
  open(path: string): void
  open(path: number): void
  open(path: string | number): void {
    void path
  }

  async #inner(): Promise<void> {}
  [Symbol.asyncDispose](): Promise<void> {}
}

export type Kind =
  | 'a'
  | 'b'
const local = 1
`
  const [thing, kind] = declarationsOf(source)
  assert.equal(thing?.doc, 'A thing.\n@throws StateError')
  assert.equal(thing?.text, 'export class Thing extends Base')
  assert.deepEqual(
    thing?.members.map(({ text, doc }) => [text, doc]),
    [
      ['readonly number: number', 'Its number'],
      ['act(first: string, second = false): Promise<void>', 'Does it, twice.\n@throws StateError'],
      ['open(path: string): void', 'One way'],
      ['open(path: number): void', ''],
    ],
  )
  assert.equal(kind?.text, "export type Kind =\n  | 'a'\n  | 'b'")
})

test('the committed reference is there', () => {
  assert.match(readFileSync(join(ROOT, REFERENCE, 'calls/mount.md'), 'utf8'), /^<!-- Generated from/)
})
