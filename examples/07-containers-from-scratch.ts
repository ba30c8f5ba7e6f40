// Shows: Liz Rice's "Containers from scratch" (hostname, processes, root, /proc, a limit of processes), with what the talk
// leaves out: a user namespace, pivot_root, a PID 1 that reaps, the command's own exit code, and nothing left behind.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { Agent } from 'carrel/process'
import { program } from 'carrel/program'

if (process.getuid?.() !== 0) {
  console.log('needs root: it writes id maps of others and makes a group')
  process.exit(0)
}
const group = `${existsSync('/sys/fs/cgroup/pids') ? '/sys/fs/cgroup/pids' : '/sys/fs/cgroup'}/scratch-${process.pid}`
const kinds = ['CLONE_NEWUSER', 'CLONE_NEWPID', 'CLONE_NEWNS', 'CLONE_NEWUTS', 'CLONE_NEWIPC', 'CLONE_NEWNET'] as const
{
  await using root = await Agent.start()
  // Kept by the root agent: it removes the group even if this process is killed.
  const goodbye = program()
  goodbye.unlinkat('AT_FDCWD', group, ['AT_REMOVEDIR'])
  root.onEnd(1, goodbye)
  await root.sys.mkdirat('AT_FDCWD', group, 0o755)

  const init = await root.clone(kinds)
  const outside = program()
  const write = (path: string, line: string): void => {
    const file = outside.openat('AT_FDCWD', path, ['O_WRONLY', 'O_CLOEXEC'])
    outside.write(file, line)
    outside.close(file)
  }
  write(`${group}/pids.max`, '20')
  write(`${group}/cgroup.procs`, String(init.pid))
  for (const map of ['uid_map', 'gid_map']) write(`/proc/${init.pid}/${map}`, '0 1879113728 65536')
  await root.run(outside)

  const p = program()
  p.setresgid(0, 0, 0)
  p.setresuid(0, 0, 0)
  p.sethostname('container')
  p.mount('none', '/', null, ['MS_REC', 'MS_PRIVATE'], null)
  p.mount('tmpfs', '/tmp', 'tmpfs', ['MS_NOSUID', 'MS_NODEV'], 'mode=755')
  for (const name of ['usr', 'proc']) p.mkdirat('AT_FDCWD', `/tmp/${name}`, 0o755)
  for (const name of ['bin', 'lib', 'lib64']) p.symlinkat(`usr/${name}`, 'AT_FDCWD', `/tmp/${name}`)
  p.mount('/usr', '/tmp/usr', null, ['MS_BIND', 'MS_REC'], null)
  p.mount_setattr('AT_FDCWD', '/tmp/usr', ['AT_RECURSIVE'], { attr_set: ['MOUNT_ATTR_RDONLY', 'MOUNT_ATTR_NOSUID'] })
  p.mount('proc', '/tmp/proc', 'proc', ['MS_NOSUID', 'MS_NODEV', 'MS_NOEXEC'], null)
  p.chdir('/tmp')
  p.pivot_root('.', '.')
  p.umount2('.', ['MNT_DETACH'])
  await init.run(p)

  const script = 'echo "$(hostname) $(id -u) $$: $(ls /) / $(ls /proc | grep -c "^[0-9]")"; exit 7'
  const shell = await (await init.fork()).exec('/bin/sh', ['sh', '-c', script], { env: { PATH: '/bin' } })
  assert(shell.stdout)
  const output = await text(shell.stdout)
  const exit = await shell.exited
  console.log(output.trim().replaceAll('\n', ' '), exit.kind)
  assert.match(output, /^container 0 2: bin\nlib\nlib64\nproc\nusr \/ \d\n$/)
  assert(exit.kind === 'exited' && exit.code === 7)
}
assert(!existsSync(group))
