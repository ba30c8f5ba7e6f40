import assert from 'node:assert/strict'
import { test } from 'node:test'
import { LIMIT_OPTIONS } from '../linux/call-options.ts'
import { checkController, checkOptions, checkWord } from './check-options.ts'

const known = [...LIMIT_OPTIONS, 'linked', 'cwd']
const refused = (field: string, message: RegExp) => ({ name: 'InvalidInputError', field, message })

test('checkOptions() takes what is known', () => {
  checkOptions({}, known, 'exec()')
  checkOptions(
    { timeoutMs: 0, cwd: '/', signal: AbortSignal.timeout(1), linked: new AbortController() },
    known,
    'exec()',
  )
  checkOptions({ timeoutMs: Infinity, linked: undefined, signal: undefined }, known, 'exec()')
})

test('checkOptions() refuses what is no object, and names that it does not know, with the nearest one', () => {
  for (const options of [null, undefined, 5, 'x', [1]]) {
    assert.throws(
      () => checkOptions(options, known, 'exec()'),
      refused('options', /^Options of exec\(\) are an object/),
    )
  }
  assert.throws(
    () => checkOptions({ cwdd: '/' }, known, 'exec()'),
    refused('cwdd', /exec\(\) has no option "cwdd": did you mean cwd\?/),
  )
})

test('checkOptions() refuses waits that cannot be', () => {
  for (const timeoutMs of [NaN, -1, '5', null, {}]) {
    assert.throws(
      () => checkOptions({ timeoutMs }, known, 'exec()'),
      refused('timeoutMs', /milliseconds from 0 on, or Infinity/),
    )
  }
  for (const signal of [5, {}, null, new AbortController()]) {
    assert.throws(() => checkOptions({ signal }, known, 'exec()'), refused('signal', /signal is an AbortSignal, not/))
  }
})

test('checkController() tells a signal from its controller', () => {
  assert.throws(() => checkController(new AbortController().signal, 'linked'), refused('linked', /not its signal/))
  assert.throws(() => checkController(5, 'linked'), refused('linked', /not 5/))
})

test('checkWord() names the words and the nearest one', () => {
  checkWord(undefined, ['attached', 'detached'], 'lifetime')
  checkWord('detached', ['attached', 'detached'], 'lifetime')
  assert.throws(
    () => checkWord('detach', ['attached', 'detached'], 'lifetime'),
    refused('lifetime', /^lifetime is attached or detached, not "detach": did you mean/),
  )
})
