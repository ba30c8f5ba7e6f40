// Shows: a folder of the host in a sandbox, once writable and once read-only; files made inside belong to the folder's owner.
import assert from 'node:assert/strict'
import { mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Sandbox } from 'carrel'

const folder = mkdtempSync(join(tmpdir(), 'carrel-example-'))
try {
  writeFileSync(join(folder, 'numbers'), '3\n1\n2\n')
  await using box = await Sandbox.create({
    binds: [
      { source: folder, target: '/work' },
      { source: folder, target: '/input', readOnly: true },
    ],
  })

  await box.run('sort', ['-o', '/work/sorted', '/input/numbers'], { throwOnError: true })
  const refused = await box.run('sh', ['-c', 'echo no > /input/numbers'])

  const sorted = join(folder, 'sorted')
  console.log(JSON.stringify(readFileSync(sorted, 'utf8')), `belongs to uid ${statSync(sorted).uid} on the host`)
  console.log(refused.stderr.trim())

  assert.equal(readFileSync(sorted, 'utf8'), '1\n2\n3\n')
  assert.equal(statSync(sorted).uid, statSync(folder).uid)
  assert.match(refused.stderr, /Read-only file system/)
  assert.equal(readFileSync(join(folder, 'numbers'), 'utf8'), '3\n1\n2\n')
} finally {
  rmSync(folder, { recursive: true })
}
