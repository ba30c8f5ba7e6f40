// Shows: open as root, drop the privileges, execute a program that has the open file and nothing else of root's.
import assert from 'node:assert/strict'
import { mkdtempSync, openSync, closeSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { Agent } from 'carrel/process'

if (process.getuid?.() !== 0) {
  console.log('needs root: it gives its privileges up')
  process.exit(0)
}
const folder = mkdtempSync(join(tmpdir(), 'carrel-example-'))
const path = join(folder, 'secret')
writeFileSync(path, 'from root\n', { mode: 0o600 })
const secret = openSync(path, 'r')
try {
  await using root = await Agent.start()
  const child = await root.fork()
  const NOBODY = 65534
  await child.sys.setgroups([])
  await child.sys.setresgid(NOBODY, NOBODY, NOBODY)
  await child.sys.setresuid(NOBODY, NOBODY, NOBODY)

  const script = `id -u; cat <&7; cat ${path} 2>/dev/null || echo "by its path: refused"; for i in 3 4 5 6 7 8 9; do [ ! -e /proc/$$/fd/$i ] || echo "has $i"; done`
  const shell = await child.exec('/bin/sh', ['sh', '-c', script], { env: {}, descriptors: { 7: secret } })
  assert(shell.stdout)
  const output = await text(shell.stdout)
  console.log(output.trim())
  assert.equal(output, '65534\nfrom root\nby its path: refused\nhas 7\n')
  assert.equal((await shell.exited).kind, 'exited')
} finally {
  closeSync(secret)
  rmSync(folder, { recursive: true })
}
