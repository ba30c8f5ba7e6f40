import assert from 'node:assert/strict'
import { existsSync, readdirSync, readFileSync, readlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Changes, container, run, script, tryCreate, useOci } from '../support/oci.ts'
import { usualMounts } from '../support/oci-bundle.ts'
import { namespaceOf } from '../support/proc.ts'

useOci()

const BARE = { namespaces: [{ type: 'pid' }], maskedPaths: [], readonlyPaths: [] }

/** Without a mount namespace, and so without what only that makes possible. */
const bare = (changes: Changes = {}): Changes => ({ hostname: undefined, mounts: [], linux: BARE, ...changes })

test('L06, L39: without a mount namespace the program and what is executed beside it are in the root of the container', () => {
  const before = readFileSync('/proc/self/mountinfo', 'utf8')
  const one = container(bare())
  const root = join(one.bundle.path, 'rootfs')
  assert.equal(namespaceOf(one.pid, 'mnt'), namespaceOf('self', 'mnt'))
  assert.equal(readlinkSync(`/proc/${one.pid}/root`), root)
  const names = readdirSync(root).sort().join('\n')
  assert.equal(one.exec(['ls', '/']).stdout, `${names}\n`)
  assert.equal(one.exec(['sh', '-c', 'ls -d /../bin; cd ..; pwd']).stdout, '/../bin\n/\n')
  assert.equal(readFileSync('/proc/self/mountinfo', 'utf8'), before)
})

test('L06: its working directory is made in the root, not on the host', () => {
  const cwd = '/made/by/carrel-test'
  assert.equal(run(bare({ process: { cwd, ...script('pwd') } })).stdout, `${cwd}\n`)
  assert.ok(!existsSync('/made'))
})

test('what cannot be so without a mount namespace of its own is refused, or said', () => {
  const readonly = tryCreate(bare({ root: { path: 'rootfs', readonly: true } }))
  assert.equal(readonly.made.status, 1)
  assert.match(readonly.made.stderr, /\/root\/readonly needs a new mount namespace/)
  const outcome = run(bare({ mounts: usualMounts(), process: script('ls /proc | wc -l') }))
  assert.equal(outcome.stdout, '0\n')
  assert.match(outcome.stderr, /warning.*\/mounts is not applied without a new mount namespace/)
})
