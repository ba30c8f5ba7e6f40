import assert from 'node:assert/strict'
import { test } from 'node:test'
import { AnswerReader, encodeAnswer, encodeHello, GREETING, LONGEST_HELLO, parseHello, Sniffer } from './hello.ts'

const HELLO = { tty: true, columns: 80, rows: 24, term: 'xterm-256color' }
const bytes = (text: string) => new TextEncoder().encode(text)
const text = (data: Uint8Array | undefined) => (data ? new TextDecoder().decode(data) : undefined)

test('Sniffer tells a hello from everything else, also when its bytes come one by one', () => {
  const sniffer = new Sniffer()
  const stream = Buffer.concat([encodeHello(HELLO), bytes('rest')])
  const last = stream.length - 5
  for (let at = 0; at < last; at++) assert.equal(sniffer.push(stream.subarray(at, at + 1)), undefined)
  assert.deepEqual(sniffer.push(stream.subarray(last)), { kind: 'hello', hello: HELLO, rest: Buffer.from('rest') })
})

test('Sniffer takes what only begins like a hello for input, all of it', () => {
  for (const plain of ['echo hi\n', '\n', '\0', '\0carrel/2 {}\n', '\0carrel/1x']) {
    const sniffer = new Sniffer()
    const first = sniffer.push(bytes(plain))
    if (first) assert.deepEqual([first.kind, first.kind === 'plain' && text(first.bytes)], ['plain', plain])
    else assert.equal(text(sniffer.give()), plain)
  }
})

test('Sniffer refuses a hello that never ends, or says something else', () => {
  const endless = `${GREETING}${'x'.repeat(LONGEST_HELLO)}`
  assert.throws(() => new Sniffer().push(bytes(endless)), { name: 'InvalidInputError', field: 'hello' })
  assert.throws(() => new Sniffer().push(bytes(`${GREETING}{"tty":1}\n`)), { field: 'hello' })
})

test('parseHello() takes the four fields as they must be, and nothing else', () => {
  assert.deepEqual(parseHello(JSON.stringify(HELLO)), HELLO)
  const wrong: unknown[] = [
    null,
    [],
    1,
    '',
    {},
    { ...HELLO, tty: 'yes' },
    { ...HELLO, columns: 0 },
    { ...HELLO, rows: 65_536 },
  ]
  wrong.push({ ...HELLO, rows: 1.5 }, { ...HELLO, term: '../../x' }, { ...HELLO, term: 'a b' }, { ...HELLO, more: 1 })
  for (const each of wrong)
    assert.throws(() => parseHello(JSON.stringify(each)), { field: 'hello' }, JSON.stringify(each))
  assert.throws(() => parseHello('{'), { field: 'hello' })
})

test('AnswerReader leaves out what came before the answer, and tells it when none comes', () => {
  const stream = Buffer.concat([bytes('$ prompt\0carrel'), encodeAnswer({ connection: 7 }), bytes('frames')])
  const reader = new AnswerReader()
  const found = [...stream].map((each) => text(reader.push(Uint8Array.of(each)))).filter((each) => each !== undefined)
  // From the answer on the caller reads by itself; here every byte was pushed.
  assert.equal(found[0], '')
  const whole = new AnswerReader()
  assert.equal(text(whole.push(stream)), 'frames')
  const refused = new AnswerReader()
  assert.equal(refused.push(bytes('carrel: Refused: full\n')), undefined)
  assert.equal(refused.text, 'carrel: Refused: full\n')
})
