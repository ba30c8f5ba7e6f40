import assert from 'node:assert/strict'
import { test } from 'node:test'
import { outputLines, outputProblem, parseTranscript } from './transcript.ts'

const page = (...lines: readonly string[]): string => ['# Title', '', ...lines, ''].join('\n')
const block = (...lines: readonly string[]): string => page('```console', ...lines, '```')

test('parseTranscript() gives the commands of all console blocks in order, with their lines', () => {
  const text = page(
    '```console',
    '$ one',
    '1',
    '$ two',
    '```',
    'between',
    '```ts',
    '$ no',
    '```',
    '```console',
    '$ 3',
    '```',
  )
  assert.deepEqual(parseTranscript(text), [
    { line: 4, text: 'one', expected: ['1'], exitCode: 0 },
    { line: 6, text: 'two', expected: [], exitCode: 0 },
    { line: 13, text: '3', expected: [], exitCode: 0 },
  ])
  assert.deepEqual(parseTranscript('no block'), [])
})

test('parseTranscript() continues a command by > and takes a > that is printed for output', () => {
  const [command] = parseTranscript(block('$ cat <<END', '> line', '>', '> END', 'line', '> printed'))
  assert.equal(command?.text, 'cat <<END\nline\n\nEND')
  assert.deepEqual(command.expected, ['line', '> printed'])
})

test('parseTranscript() takes [exit N] for the exit code when it is the last line, and nowhere else', () => {
  const [first, second] = parseTranscript(block('$ a', '[exit 3]', 'more', '$ b', 'text', '[exit 125]'))
  assert.deepEqual([first?.exitCode, first?.expected], [0, ['[exit 3]', 'more']])
  assert.deepEqual([second?.exitCode, second?.expected], [125, ['text']])
})

test('parseTranscript() refuses output before a command, a block without one and one without an end', () => {
  assert.throws(() => parseTranscript(block('output', '$ a')), /line 4: a console block begins with a command/)
  assert.throws(() => parseTranscript(block()), /line 3: a console block without a command/)
  assert.throws(() => parseTranscript(page('```console', '$ a')), /line 4: a console block without an end/)
})

test('outputLines() drops the last line end and spaces at the ends of lines', () => {
  assert.deepEqual(outputLines('a  \n\nb'), ['a', '', 'b'])
  assert.deepEqual(outputLines('a\n'), ['a'])
  assert.deepEqual(outputLines(''), [])
})

const MATCHES: readonly (readonly [expected: readonly string[], actual: readonly string[]])[] = [
  [[], []],
  [
    ['a', 'b'],
    ['a', 'b'],
  ],
  [['pid … of …'], ['pid 3 of 4']],
  [['a…'], ['a']],
  [['(1) [x] $HOME \\ *'], ['(1) [x] $HOME \\ *']],
  [['…'], []],
  [['…'], ['a', 'b']],
  [['a', '…'], ['a']],
  [
    ['a', '…', 'b', '…', 'c'],
    ['a', 'x', 'b', 'c'],
  ],
  [
    ['…', 'b'],
    ['b', 'a', 'b'],
  ],
  [
    ['…', 'b', 'c', '…'],
    ['b', 'b', 'c', 'd'],
  ],
]
for (const [expected, actual] of MATCHES) {
  test(`outputProblem() finds that ${JSON.stringify(actual)} is ${JSON.stringify(expected)}`, () => {
    assert.equal(outputProblem(expected, actual), undefined)
  })
}

const DIFFERS: readonly (readonly [expected: readonly string[], actual: readonly string[], problem: RegExp])[] = [
  [[], ['a'], /goes on with "a"/],
  [['a'], [], /"a" is wanted, it prints "nothing more"/],
  [['a'], ['b'], /"a" is wanted, it prints "b"/],
  [['a'], ['ab'], /"a" is wanted/],
  [['a.c'], ['abc'], /"a\.c" is wanted/],
  [['a…c'], ['ab'], /"a…c" is wanted/],
  [['a'], ['a', 'b'], /goes on with "b"/],
  [['…', 'b'], ['b', 'a'], /"b" is wanted, it prints "a"/],
  [['a', '…', 'a'], ['a'], /"a" is wanted, it prints "nothing more"/],
  [['…', 'x', '…'], ['a', 'b'], /no line such as\n {4}x/],
  [['…', 'b', '…', 'a', '…'], ['a', 'b'], /no line such as\n {4}a/],
]
for (const [expected, actual, problem] of DIFFERS) {
  test(`outputProblem() finds that ${JSON.stringify(actual)} is not ${JSON.stringify(expected)}`, () => {
    assert.match(outputProblem(expected, actual) ?? '', problem)
  })
}
