import assert from 'node:assert/strict'
import { test } from 'node:test'
import { program } from '../program/builder.ts'
import { forgetSteps, recordName, recordSteps } from './record-steps.ts'
import { recordLine, type SandboxRecord } from './sandbox-record.ts'

const RECORD: SandboxRecord = {
  version: 1,
  id: 'carrel-12-abc',
  owner: { pid: 12, start: 345, pidns: 4_026_531_836 },
  created: '2026-11-22T10:11:12.345Z',
  places: [],
  resources: {},
  net: 'none',
  user: { uid: 1000, gid: 1000 },
  rootfs: null,
}

test('recordSteps() makes a new file of its own, writes the line at once, and never fails a start for want of its directory; forgetSteps() removes it', () => {
  const p = program({ arch: 'x64' })
  recordSteps(p, [5, recordName(RECORD.id)], RECORD)
  forgetSteps(p, [5, recordName(RECORD.id)])
  const steps = p.steps.map((step) => `${step.name}(${step.printArgs()})`)
  assert.equal(steps.length, 4)
  assert.equal(steps[0], 'openat(5, "carrel-12-abc.json", O_WRONLY|O_CREAT|O_EXCL|O_NOFOLLOW|O_CLOEXEC, 0600)')
  assert.match(steps[1] ?? '', new RegExp(`^write\\(r0, .*, ${recordLine(RECORD).length}\\)$`))
  assert.equal(steps[2], 'close(r0)')
  assert.deepEqual(
    p.steps.slice(0, 3).map(({ tolerated }) => tolerated),
    [['ENOENT'], ['EBADF'], ['EBADF']],
  )
  assert.equal(steps[3], 'unlinkat(5, "carrel-12-abc.json", 0)')
  assert.deepEqual(p.steps.at(-1)?.tolerated, ['ENOENT'])
})
