import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { bundle, run, scratch, script, uniqueName, useOci } from '../support/oci.ts'
import { usualMounts } from '../support/oci-bundle.ts'

useOci()

const bound = (link: string, changes: object = {}): ReturnType<typeof run> => {
  const source = scratch('resolv.conf')
  writeFileSync(source, 'nameserver 192.0.2.1\n')
  const made = bundle({
    process: script('cat /etc/resolv.conf; readlink /etc/resolv.conf'),
    mounts: [...usualMounts(), { destination: '/etc/resolv.conf', type: 'bind', source, options: ['rbind', 'ro'] }],
    ...changes,
  })
  const etc = join(made.root, 'etc')
  mkdirSync(etc, { recursive: true })
  rmSync(join(etc, 'resolv.conf'), { force: true })
  symlinkSync(link, join(etc, 'resolv.conf'))
  return run(made)
}

test('a file mounted on a link to what only a running system has: its place is made in the root', () => {
  for (const link of ['../run/systemd/resolve/stub-resolv.conf', '/var/lib/a/b/resolv.conf']) {
    const { status, stdout, stderr } = bound(link)
    assert.deepEqual([status, stdout, stderr], [0, `nameserver 192.0.2.1\n${link}\n`, ''])
  }
})

test('D-L14: such a link never makes a file outside of the root', () => {
  const outside = `/tmp/${uniqueName()}`
  for (const link of [`${outside}/a/file`, `../../../../../../../..${outside}/a/file`]) {
    const { status, stdout } = bound(link)
    assert.deepEqual([status, stdout], [0, `nameserver 192.0.2.1\n${link}\n`])
    assert.equal(existsSync(outside), false)
  }
})

test('a link of links to nothing is refused, and leaves no container', () => {
  const source = scratch('file')
  writeFileSync(source, '')
  const made = bundle({ mounts: [{ destination: '/one', type: 'bind', source, options: ['bind'] }] })
  symlinkSync('/one', join(made.root, 'one'))
  const { status, stderr } = run(made)
  assert.equal(status, 1)
  assert.match(stderr, /ELOOP|symbolic links/)
  assert.ok(readdirSync(made.root).includes('one'))
})
