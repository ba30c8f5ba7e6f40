import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkLayers, drawLayers, importsOf } from './check-layers.ts'

const problemsOf = (path: string, text: string): readonly string[] => checkLayers([{ path, text }]).problems

test('importsOf() finds every way to name a module, and none in comments and strings', () => {
  const text = `
    import type { A } from './a.ts'
    import {
      b,
    } from "./b.ts"
    import './c.ts'
    export * from './d.ts'
    export { e } from './e.ts'
    type F = import('./f.ts').F
    const g = await import('./g.ts')
    // import './no.ts'
    const text = "import './no.ts'"
    export const from = 'nowhere'
    export const x = 1
    h.from('nowhere')`
  assert.deepEqual(
    importsOf(text).map((found) => found.specifier),
    ['./a.ts', './b.ts', './c.ts', './d.ts', './e.ts', './f.ts', './g.ts'],
  )
  assert.equal(importsOf(text)[1]?.line, 3)
})

test('checkLayers() accepts imports downwards and refuses those upwards', () => {
  assert.deepEqual(problemsOf('src/plan/a.ts', "import '../base/errors.ts'"), [])
  assert.match(
    problemsOf('src/base/a.ts', "import '../plan/b.ts'").join(),
    /a\.ts:1: "base" cannot import.*stands above/,
  )
})

test('checkLayers() refuses upward imports in unit tests too', () => {
  assert.equal(problemsOf('src/base/a.test.ts', "import '../plan/b.ts'").length, 1)
})

test('checkLayers() keeps node:* out of pure layers, except their tests', () => {
  assert.match(problemsOf('src/plan/a.ts', "import 'node:fs'").join(), /"plan" is pure/)
  assert.deepEqual(problemsOf('src/plan/a.test.ts', "import 'node:fs'"), [])
  assert.deepEqual(problemsOf('src/host/a.ts', "import 'node:fs'"), [])
})

test('checkLayers() keeps Node globals out of pure layers', () => {
  for (const text of ['Buffer.from(x)', 'const a = process.pid', 'f(process)', 'global.gc()']) {
    assert.equal(problemsOf('src/linux/a.ts', text).length, 1, text)
    assert.equal(problemsOf('src/process/a.ts', text).length, 0, text)
  }
  for (const text of ["x = 'process'", '// Buffer', 'a.process', '{ process: 1 }', 'processes', 'Uint8Array']) {
    assert.deepEqual(problemsOf('src/linux/a.ts', text), [], text)
  }
})

test('checkLayers() refuses packages, paths out of src/ and files in no layer', () => {
  assert.match(problemsOf('src/cli/a.ts', "import 'left-pad'").join(), /cannot import the package "left-pad"/)
  assert.match(problemsOf('src/cli/a.ts', "import '../../test/x.ts'").join(), /leads out of the layers/)
  assert.match(problemsOf('src/cli/a.ts', "import './b'").join(), /lacks the extension/)
  assert.match(problemsOf('src/other/a.ts', '').join(), /is in no layer/)
})

test('drawLayers() shows the layers top to bottom with the number of imports', () => {
  const lines = drawLayers(new Map([['cli -> base', 3]])).split('\n')
  assert.match(lines[0] ?? '', /^cli +-> base 3$/)
  assert.equal(lines.at(-1), 'base (pure)')
})
