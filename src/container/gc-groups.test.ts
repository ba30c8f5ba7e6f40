import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { decodeMountinfo } from '../linux/mountinfo.ts'
import { assertGroups } from './gc-groups.ts'

const folder = realpathSync(mkdtempSync(join(tmpdir(), 'carrel-gc-groups-')))
after(() => rmSync(folder, { recursive: true }))

const groups = decodeMountinfo(readFileSync('/proc/self/mountinfo', 'utf8'))
  .filter(({ type }) => type === 'cgroup' || type === 'cgroup2')
  .map(({ mountPoint }) => mountPoint)

test('assertGroups() takes groups, and what is gone', () => {
  assertGroups([...groups, join(folder, 'gone')])
})

test('assertGroups() refuses directories that only look like groups, files and links', () => {
  const fake = join(folder, 'fake')
  mkdirSync(fake)
  writeFileSync(join(fake, 'cgroup.procs'), '1\n')
  assert.throws(() => assertGroups([...groups, fake]), { name: 'StateError', message: /fake is in no cgroup file/ })
  const link = join(folder, 'link')
  symlinkSync(groups[0] ?? fake, link)
  assert.throws(() => assertGroups([link]), /link is reached by a link/)
  assert.throws(() => assertGroups([join(fake, 'cgroup.procs', 'x')]), /cannot be looked at: ENOTDIR/)
})
