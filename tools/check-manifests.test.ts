import assert from 'node:assert/strict'
import { test } from 'node:test'
import { judgeManifests } from './check-manifests.ts'

const root = { name: 'carrel', version: '1.0.0', optionalDependencies: { 'carrel-linux-x64': '1.0.0' } }

test('judgeManifests() wants the same version of both packages, named exactly', () => {
  assert.deepEqual(judgeManifests(root, [{ name: 'carrel-linux-x64', version: '1.0.0' }]), [])
  assert.equal(judgeManifests(root, [{ name: 'carrel-linux-x64', version: '1.0.1' }]).length, 2)
  assert.match(judgeManifests(root, []).join(), /has no folder under npm/)
})
