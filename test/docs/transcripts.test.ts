import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { checkMachine } from '../support/machine-check.ts'
import { REPOSITORY } from '../support/repository.ts'
import { requires } from '../support/requires.ts'
import { parseTranscript } from './transcript.ts'
import { replay } from './transcript-run.ts'

checkMachine()

/** A transcript of about 30 lines is what each of these pages is asked for. */
const TOOLS = ['docs/nsinit.md', 'docs/ns.md', 'docs/serve.md', 'docs/guide/11-from-scratch.md']
const LEAST_LINES = 20

/** Pages whose blocks show what differs from host to host, or what a person types into a terminal. */
const NOT_REPLAYED: Readonly<Record<string, string>> = {
  'docs/guide/2-sdk.md': 'a Debian root, which debootstrap downloads',
  'docs/guide/6-users-and-hosts.md': 'hosts and users that this one is not',
  'docs/guide/7-process-trees.md': 'a terminal',
  'docs/guide/9-watching.md': 'a screen that is drawn again and again',
}

const read = (page: string): string => readFileSync(join(REPOSITORY, page), 'utf8')
const pages = readdirSync(join(REPOSITORY, 'docs'), { recursive: true, encoding: 'utf8' })
  .map((path) => `docs/${path}`)
  .filter((path) => path.endsWith('.md') && /^```console$/m.test(read(path)))
  .sort()
const replayed = pages.filter((page) => !(page in NOT_REPLAYED))

for (const page of replayed) {
  test(`the transcript of ${page} is what the tool prints`, requires({ root: true }), async () => {
    assert.deepEqual(await replay(page, parseTranscript(read(page))), [])
  })
}

test('the page of each tool has a transcript, and no page is left out that is not there', () => {
  assert.deepEqual(
    TOOLS.filter((page) => !replayed.includes(page)),
    [],
  )
  for (const page of TOOLS) {
    const commands = parseTranscript(read(page))
    const lines = commands.reduce((sum, { text, expected }) => sum + text.split('\n').length + expected.length, 0)
    assert(lines >= LEAST_LINES, `${page} has a transcript of ${lines} lines`)
  }
  assert.deepEqual(
    Object.keys(NOT_REPLAYED).filter((page) => !pages.includes(page)),
    [],
  )
})

const commandsOf = (...lines: readonly string[]) => parseTranscript(['```console', ...lines, '```'].join('\n'))

test('one shell gets all commands: directory, variables and jobs go on', requires({ root: true }), async () => {
  const commands = commandsOf(
    ...[
      '$ mkdir a && cd a',
      '$ x=1; sleep 100 &',
      '$ kill %1; wait %1',
      '[exit 143]',
      '$ echo $x $(basename $PWD) $(ls -A ..)',
      '1 a a',
    ],
    ...['$ cat <<END', '> one', '> END', 'one', '$ (cd ~/carrel && ls package.json)', 'package.json'],
    ...[
      '$ carrel --version',
      '…',
      "$ carrel run -- sh -c 'echo out; echo error >&2; exit 7'",
      'out',
      'error',
      '[exit 7]',
    ],
  )
  assert.deepEqual(await replay('page', commands), [])
})

test(
  'a page fails by its line: other output, another exit code, a command that does not exist',
  requires({ root: true }),
  async () => {
    const problem = async (...lines: readonly string[]) => (await replay('page', commandsOf(...lines))).join('\n')
    assert.match(await problem('$ true', '$ echo b', 'a'), /^page:3: \$ echo b\n {2}"a" is wanted, it prints "b"/)
    assert.match(await problem('$ exit_code() { return 3; }; exit_code'), /^page:2: .*\n {2}it ends with 3, not with 0/)
    assert.match(await problem('$ true', '[exit 3]'), /it ends with 0, not with 3/)
    assert.match(
      await problem('$ no-such-command', '[exit 127]'),
      /it goes on with ".*no-such-command: command not found"/,
    )
    assert.match(await problem('$ echo (', '$ true'), /syntax error/)
  },
)

test(
  'a page fails that leaves a process behind, even one in a session of its own',
  requires({ root: true }),
  async () => {
    const problems = await replay('page', commandsOf('$ (setsid sleep 1000 >/dev/null &)'))
    assert.deepEqual(
      problems.map((each) => each.replace(/\d+/, 'N')),
      ['page: it leaves process N (sleep) behind'],
    )
  },
)

test('a page fails whose commands do not end, and what they started is ended', requires({ root: true }), async () => {
  const problems = await replay('page', commandsOf('$ true', '$ sleep 1000'), { patienceMs: 200 })
  assert.match(problems.join('\n'), /page:3: \$ sleep 1000\n {2}it does not come to its end[^]*within 0\.2 seconds/)
})
