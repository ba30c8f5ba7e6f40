// Shows: the ground floor. A child in namespaces of its own makes system calls one by one, then becomes a program.
import assert from 'node:assert/strict'
import { writeFileSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { Agent, SyscallError } from 'carrel/process'

await using root = await Agent.start()
const child = await root.clone(['CLONE_NEWUSER', 'CLONE_NEWNS', 'CLONE_NEWUTS'])

// Ids of a user namespace are written from outside, user_namespaces(7).
writeFileSync(`/proc/${child.pid}/setgroups`, 'deny')
writeFileSync(`/proc/${child.pid}/uid_map`, `0 ${process.getuid?.() ?? 0} 1`)
writeFileSync(`/proc/${child.pid}/gid_map`, `0 ${process.getgid?.() ?? 0} 1`)

await child.sys.sethostname('desk')
await child.sys.mount('none', '/', null, ['MS_REC', 'MS_PRIVATE'], null)
await child.sys.mount('tmpfs', '/tmp', 'tmpfs', ['MS_NOSUID', 'MS_NODEV'], 'size=1m')
const fd = await child.sys.openat('AT_FDCWD', '/tmp/note', ['O_WRONLY', 'O_CREAT', 'O_CLOEXEC'], 0o600)
await child.sys.write(fd, 'only here\n')
await child.sys.close(fd)

// A refused call is an error with the kernel's name for it; the child stays usable.
const refused = await child.sys.mount('none', '/nowhere', 'tmpfs', [], null).catch((error: unknown) => error)
console.log(String(refused))
assert(refused instanceof SyscallError && refused.errno === 'ENOENT')

const shell = await child.exec('/bin/sh', ['sh', '-c', 'uname -n; cat /tmp/note'], { env: { PATH: '/usr/bin:/bin' } })
assert(shell.stdout)
const output = await text(shell.stdout)
const exit = await shell.exited
console.log(output.trim(), exit.kind)

assert.equal(output, 'desk\nonly here\n')
assert.deepEqual([exit.kind, exit.kind === 'exited' && exit.code], ['exited', 0])
