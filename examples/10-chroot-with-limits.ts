// Shows: a shell that can neither make a file nor fork: limits, chroot and an identity of its own, all set by the program that ends
// in its exec. With arguments: `npx tsx examples/10-chroot-with-limits.ts sh -i` runs them instead, on this terminal.
import assert from 'node:assert/strict'
import { randomInt } from 'node:crypto'
import { chmodSync, cpSync, existsSync, mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { Agent } from 'carrel/process'

const BUSYBOX = '/bin/busybox'
if (process.getuid?.() !== 0 || !existsSync(BUSYBOX)) {
  console.log(`needs root, for chroot, and a static ${BUSYBOX} (package busybox-static)`)
  process.exit(0)
}
const id = 0xf000_0000 + randomInt(0x10000)
const directory = mkdtempSync(join(tmpdir(), 'carrel-chroot-'))
try {
  cpSync(BUSYBOX, join(directory, 'busybox'))
  chmodSync(directory, 0o755)

  await using root = await Agent.start()
  const child = await root.fork()
  const { rlim_cur: open } = await child.sys.prlimit64(0, 'RLIMIT_NOFILE', null)
  const confined = (argv: readonly string[], stdio: 'pipe' | 'inherit') =>
    child.exec('/busybox', argv, {
      stdio,
      env: {},
      prepare(p) {
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

  const [name, ...args] = process.argv.slice(2)
  if (name !== undefined) {
    const shell = await confined([name, ...args], 'inherit')
    const exit = await shell.exited
    console.error(exit.kind === 'exited' ? `exit code ${exit.code}` : `ended by ${exit.signal}`)
  } else {
    const script = 'echo /*; ulimit -f; ulimit -u; echo > /file; busybox id; echo not reached'
    const shell = await confined(['sh', '-c', script], 'pipe')
    const [output, errors, exit] = await Promise.all([text(shell.stdout!), text(shell.stderr!), shell.exited])
    console.log(`${output}${errors}`.trim(), exit.kind)
    assert.equal(output, '/busybox\n0\n1\n')
    assert.match(errors, /can't create \/file: Permission denied/)
    assert.match(errors, /can't fork/)
  }
} finally {
  rmSync(directory, { recursive: true })
}
