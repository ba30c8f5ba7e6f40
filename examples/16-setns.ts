// Shows: joining the namespaces of another process, each by its file in /proc/PID/ns, and several at once by a pidfd.
import assert from 'node:assert/strict'
import { readlinkSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { Agent } from 'carrel/process'
import { program } from 'carrel/program'

const KINDS = { user: 'CLONE_NEWUSER', uts: 'CLONE_NEWUTS', net: 'CLONE_NEWNET', mnt: 'CLONE_NEWNS' } as const
const names = Object.keys(KINDS) as (keyof typeof KINDS)[]
const namespaces = (pid: number) => names.map((name) => readlinkSync(`/proc/${pid}/ns/${name}`))

await using root = await Agent.start()
const home = await root.clone(Object.values(KINDS))
await home.sys.sethostname('home')
await home.sys.mount('none', '/', null, ['MS_REC', 'MS_PRIVATE'], null)
await home.sys.mount('tmpfs', '/tmp', 'tmpfs', [], 'size=64k')

// By name: all files are opened first, because joining the mount namespace may change what /proc is.
const byName = program()
const files = names.map((name) => byName.openat('AT_FDCWD', `/proc/${home.pid}/ns/${name}`, ['O_RDONLY', 'O_CLOEXEC']))
files.forEach((file, index) => byName.setns(file, KINDS[names[index]!]))
files.forEach((file) => byName.close(file))

// By pidfd: one call, all or nothing, and never another process that has got the same pid meanwhile.
const byPidfd = program()
const pidfd = byPidfd.pidfd_open(home.pid, [])
byPidfd.setns(pidfd, Object.values(KINDS))
byPidfd.close(pidfd)

for (const p of [byName, byPidfd]) {
  const guest = await root.fork()
  assert.notDeepEqual(namespaces(guest.pid), namespaces(home.pid))
  await guest.run(p)
  assert.deepEqual(namespaces(guest.pid), namespaces(home.pid))
  const shell = await guest.exec('/bin/sh', ['sh', '-c', 'uname -n; ls /tmp | wc -l'])
  const output = await text(shell.stdout)
  console.log(String(p), `\n${output}`)
  assert.match(output, /^home\n0\n$/)
}
