import assert from 'node:assert/strict'
import { statSync } from 'node:fs'
import { test } from 'node:test'
import type { Program } from '../../src/program/builder.ts'
import { checkMachine } from '../support/machine-check.ts'
import { requires } from '../support/requires.ts'
import { start } from './process-start.ts'

checkMachine()
const ROOT = requires({ root: true })
const ENV = ['PATH=/sbin:/bin']

test(
  'X17: a terminal is one of the container’s own devpts, with the size, owner and session that were asked for',
  ROOT,
  async () => {
    const script = 'tty; stty size; stat -c "%u %a" $(tty); cut -d" " -f 5-8 /proc/self/stat; echo x > /dev/tty'
    const process = {
      args: ['sh', '-c', script],
      env: ENV,
      cwd: '/',
      terminal: true,
      consoleSize: { height: 33, width: 101 },
      user: { uid: 1000, gid: 1000 },
    }
    const { output } = await start(process, {
      before: (p) => {
        p.umask(0)
        p.mknodat('AT_FDCWD', '/dev/tty', 0o020666, 0x500)
      },
      between: (pid) => assert.equal(statSync(`/proc/${pid}/root/dev/pts/0`).uid, 1000),
    })
    const lines = output.trim().split('\r\n')
    assert.deepEqual(lines.slice(0, 3), ['/dev/pts/0', '33 101', '1000 620'])
    // Process group, session, terminal 136:0 and its foreground group.
    assert.equal(lines[3], '1 1 34816 1')
    assert.equal(lines[4], 'x')
  },
)

test('what is no devpts at /dev/pts is not taken for one (CVE-2025-52565)', ROOT, async () => {
  const process = { args: ['true'], env: ENV, cwd: '/', terminal: true }
  const hidden = (p: Program): void => {
    p.umount2('/dev/pts', [])
    p.mount('tmpfs', '/dev/pts', 'tmpfs', [], null)
    p.mkdirat('AT_FDCWD', '/dev/pts/pts', 0o755)
    p.mount('devpts', '/dev/pts/pts', 'devpts', [], 'newinstance,ptmxmode=0666')
    p.mknodat('AT_FDCWD', '/dev/pts/ptmx', 0o020666, 0x502)
  }
  await assert.rejects(start(process, { before: hidden }), { code: 'E_UNSUPPORTED', fact: 'devpts' })
  const linked = (p: Program): void => {
    p.umount2('/dev/pts', [])
    p.unlinkat('AT_FDCWD', '/dev/pts', ['AT_REMOVEDIR'])
    p.symlinkat('/tmp', 'AT_FDCWD', '/dev/pts')
  }
  await assert.rejects(start(process, { before: linked }), { errno: 'ELOOP' })
})
