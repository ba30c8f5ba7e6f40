// Shows: the shell of example 10 in new ipc, net, mount, pid and uts namespaces and in a group of its own, on whatever cgroup
// hierarchy this host has. With arguments it runs them instead, on this terminal.
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { chmodSync, cpSync, existsSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { Agent, UnsupportedError } from 'carrel/process'
import { program } from 'carrel/program'

const BUSYBOX = '/bin/busybox'
if (process.getuid?.() !== 0 || !existsSync(BUSYBOX)) {
  console.log(`needs root, for namespaces without a user namespace, and a static ${BUSYBOX} (package busybox-static)`)
  process.exit(0)
}
// v1 has a hierarchy for each controller; of v2 there is one.
const hierarchy = ['/sys/fs/cgroup/pids', '/sys/fs/cgroup'].find((path) => existsSync(`${path}/cgroup.procs`))
if (!hierarchy) throw new UnsupportedError('This host has no cgroups', { fact: 'cgroups', remedy: 'mount cgroup2' })
const group = `${hierarchy}/carrel-example-${process.pid}`
const id = 0xf000_0000 + randomInt(0x10000)
const directory = mkdtempSync(join(tmpdir(), 'carrel-namespaces-'))
try {
  cpSync(BUSYBOX, join(directory, 'busybox'))
  chmodSync(directory, 0o755)
  await using root = await Agent.start()
  // The root agent removes the group when all is over, even if this process is killed.
  const goodbye = program()
  goodbye.unlinkat('AT_FDCWD', group, ['AT_REMOVEDIR'])
  root.onEnd(1, goodbye)
  await root.sys.mkdirat('AT_FDCWD', group, 0o755)
  const child = await root.clone(['CLONE_NEWIPC', 'CLONE_NEWNET', 'CLONE_NEWNS', 'CLONE_NEWPID', 'CLONE_NEWUTS'])
  const { rlim_cur: open } = await child.sys.prlimit64(0, 'RLIMIT_NOFILE', null)
  writeFileSync(`${group}/cgroup.procs`, String(child.pid))

  const wanted = process.argv.slice(2)
  const isDemonstration = wanted.length === 0
  const script = 'echo $$; read name </proc/sys/kernel/hostname || echo "no /proc"; echo > /file; busybox id; true'
  const shell = await child.exec('/busybox', isDemonstration ? ['sh', '-c', script] : wanted, {
    stdio: isDemonstration ? 'pipe' : 'inherit',
    env: {},
    prepare(p) {
      p.mount('none', '/', null, ['MS_REC', 'MS_PRIVATE'], null)
      p.sethostname('carrel')
      p.chroot(directory)
      p.chdir('/')
      p.setgroups([])
      p.setresgid(id, id, id)
      p.setresuid(id, id, id)
      p.prlimit64(0, 'RLIMIT_FSIZE', { rlim_cur: 0, rlim_max: 0 })
      p.prlimit64(0, 'RLIMIT_NPROC', { rlim_cur: 1, rlim_max: 1 })
      p.prlimit64(0, 'RLIMIT_NOFILE', { rlim_cur: open, rlim_max: open })
    },
  })
  const [output, errors] = isDemonstration ? await Promise.all([text(shell.stdout!), text(shell.stderr!)]) : ['', '']
  console.log(`${output}${errors}`.trim(), (await shell.exited).kind)
  if (isDemonstration) assert.match(`${output}${errors}`, /^1\nno \/proc\n[^]*can't create[^]*can't fork/)
} finally {
  rmSync(directory, { recursive: true })
}
