import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judgeFile } from './check-files.ts'

test('judgeFile() limits hand-written files to 400 lines, tables excepted', () => {
  assert.equal(judgeFile('src/plan/a.ts', 400).length, 0)
  assert.match(judgeFile('src/plan/a.ts', 401).join(), /401 lines/)
  assert.equal(judgeFile('src/linux/tables/a.ts', 4000).length, 0)
})

test('judgeFile() refuses drawers and names that are not kebab-case', () => {
  for (const name of ['utils.ts', 'helper.ts', 'common.c', 'misc.test.ts', 'FooBar.ts', 'foo_bar.ts']) {
    assert.equal(judgeFile(`src/plan/${name}`, 1).length, 1, name)
  }
  for (const name of ['index.ts', 'mount-order.test.ts', 'run.c', 'seccomp_filter.h', 'service-worker-map.ts']) {
    assert.equal(judgeFile(`src/plan/${name}`, 1).length, name.startsWith('service') ? 1 : 0, name)
  }
})
