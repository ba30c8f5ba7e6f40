// Shows: privilege separation. The parent keeps root's privileges and can do nothing with them but fork and kill. Its children give
// them up at once, and reach a file of root's by the descriptor that they were given, never by its path.
import assert from 'node:assert/strict'
import { closeSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { Agent } from 'carrel/process'
import { program } from 'carrel/program'

if (process.getuid?.() !== 0) {
  console.log('needs root: it separates what root may do')
  process.exit(0)
}
const folder = mkdtempSync(join(tmpdir(), 'carrel-example-'))
const path = join(folder, 'key')
writeFileSync(path, 'the key\n', { mode: 0o600 })

const outcome = (attempt: Promise<unknown>) =>
  attempt.then(
    () => 'done',
    (error: Error & { errno?: string }) => error.errno ?? error.name,
  )
try {
  await using parent = await Agent.start()
  const children = [65_533, 65_534]
  const opening = program()
  for (const _ of children) opening.send(opening.openat('AT_FDCWD', path, ['O_RDONLY', 'O_CLOEXEC']))
  const { descriptors: keys } = await parent.run(opening)

  // There is no way back: a filter can only become stricter, and children inherit theirs.
  const dropping = ['setgroups', 'setresgid', 'setresuid'] as const
  await parent.filter({ allow: ['fork', 'kill'] }, { children: { allow: [...dropping, 'setuid', 'openat', 'exec'] } })
  const open = (agent: Agent) => outcome(agent.sys.openat('AT_FDCWD', path, ['O_RDONLY', 'O_CLOEXEC']))
  const seized = [await open(parent), await outcome(parent.sys.setuid(0)), await outcome(parent.exec('/bin/sh'))]
  console.log(`parent: open ${seized[0]}, setuid ${seized[1]}, exec ${seized[2]}`)
  assert(!seized.includes('done'))

  for (const [index, id] of children.entries()) {
    const child = await parent.fork()
    await child.sys.setgroups([])
    await child.sys.setresgid(id, id, id)
    await child.sys.setresuid(id, id, id)
    assert.deepEqual([await open(child), await outcome(child.sys.setuid(0))], ['EACCES', 'EPERM'])
    const script = `echo "child $(id -u): $(cat <&7)"; cat ${path} 2>/dev/null || echo "its path: refused"`
    const shell = await child.exec('/bin/sh', ['sh', '-c', script], { env: {}, descriptors: { 7: keys[index]! } })
    const output = await text(shell.stdout)
    console.log(output.trim())
    assert.equal(output, `child ${id}: the key\nits path: refused\n`)
  }
  const stuck = await parent.fork()
  await parent.sys.kill(stuck.pid, 'SIGKILL')
  await stuck.close()
  assert.equal((await stuck.exited).kind, 'signaled')
  for (const key of keys) closeSync(key)
} finally {
  rmSync(folder, { recursive: true })
}
