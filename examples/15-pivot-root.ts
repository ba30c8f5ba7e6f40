// Shows: pivot_root(2) without a directory for the old root: both stand at one place, one above the other, and the old one is
// taken off. What is left is a root with nothing of the host's behind it, which chroot(2) cannot promise.
import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { Agent } from 'carrel/process'
import { program } from 'carrel/program'

if (process.getuid?.() !== 0) {
  console.log('needs root, for a mount namespace without a user namespace')
  process.exit(0)
}
const directory = mkdtempSync(join(tmpdir(), 'carrel-pivot-'))
for (const name of ['usr', 'proc']) mkdirSync(join(directory, name))
try {
  await using root = await Agent.start()
  const child = await root.clone(['CLONE_NEWNS', 'CLONE_NEWPID'])
  const p = program()
  p.because('mounts', 'On hosts with systemd mounts are shared: without this, all below would be the host’s too')
  p.mount('none', '/', null, ['MS_REC', 'MS_PRIVATE'], null)
  p.because('root', 'pivot_root wants a mount point: the directory becomes one on itself')
  p.mount(directory, directory, null, ['MS_BIND', 'MS_REC'], null)
  p.mount('/usr', join(directory, 'usr'), null, ['MS_BIND', 'MS_REC'], null)
  p.because('root', 'A bind mount takes its flags in a second call, which names MS_BIND again')
  p.mount('none', join(directory, 'usr'), null, ['MS_REMOUNT', 'MS_BIND', 'MS_RDONLY', 'MS_NOSUID'], null)
  for (const name of ['bin', 'lib', 'lib64']) p.symlinkat(`usr/${name}`, 'AT_FDCWD', join(directory, name))
  p.mount('proc', join(directory, 'proc'), 'proc', ['MS_NOSUID', 'MS_NODEV', 'MS_NOEXEC'], null)
  p.because('root', 'The new root goes below the old one, at the same place; then the old one is what is seen there')
  p.chdir(directory)
  p.pivot_root('.', '.')
  p.umount2('.', ['MNT_DETACH'])
  console.log(String(p))
  await child.run(p)

  const script = 'cat /proc/self/mountinfo; echo > /usr/file; exec ls /../..'
  const shell = await (await child.fork()).exec('/bin/sh', ['sh', '-c', script], { env: { PATH: '/bin' } })
  const [output, errors] = await Promise.all([text(shell.stdout), text(shell.stderr)])
  console.log(output + errors)
  assert.match(output, / \/usr ro,nosuid/)
  assert.match(errors, /\/usr\/file: Read-only file system/)
  assert.match(output, /\nbin\nlib\nlib64\nproc\nusr\n$/)
  assert.equal(output.split('\n').filter((line) => / - /.test(line)).length, 3)
  assert(!readFileSync('/proc/self/mountinfo', 'utf8').includes(directory))
} finally {
  rmSync(directory, { recursive: true })
}
