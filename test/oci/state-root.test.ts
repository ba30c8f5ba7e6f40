import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { currentKernel } from '../../src/kernel/current.ts'
import type { Kernel } from '../../src/kernel/kernel.ts'
import { NR } from '../../src/kernel/numbers.ts'
import { stateRoot } from '../../src/oci/state/state-root.ts'
import { checkMachine } from '../support/machine-check.ts'
import { requires } from '../support/requires.ts'

checkMachine()
const real = await currentKernel()

/** This kernel, as a user with these variables sees it. */
const seenBy = (uid: number, env: Kernel['env']): Kernel => ({
  ...real,
  env,
  syscall: (number, ...args) => (number === NR.geteuid ? uid : real.syscall(number, ...args)),
})

test('stateRoot() is what --root says, from the working directory on', () => {
  assert.equal(stateRoot(real, '/a/b'), '/a/b')
  assert.equal(stateRoot(real, 'a/b'), `${process.cwd()}/a/b`)
})

test('stateRoot() of root is the same in a session and out of it', requires({ root: true }), () => {
  assert.equal(stateRoot(seenBy(0, {}), undefined), '/run/carrel-oci')
  assert.equal(stateRoot(seenBy(0, { XDG_RUNTIME_DIR: '/run/user/0' }), ''), '/run/carrel-oci')
})

test('stateRoot() of a user is in the session, or in /tmp under a name of its own', () => {
  assert.equal(stateRoot(seenBy(1000, { XDG_RUNTIME_DIR: '/run/user/1000' }), undefined), '/run/user/1000/carrel-oci')
  assert.equal(stateRoot(seenBy(1000, { XDG_RUNTIME_DIR: 'relative' }), undefined), '/tmp/carrel-oci-1000')
  assert.equal(stateRoot(seenBy(1000, {}), undefined), '/tmp/carrel-oci-1000')
})

test('stateRoot() of root in a user namespace, as podman without privileges has it, is in the session', () => {
  const source = `
    import { currentKernel } from ${JSON.stringify(new URL('../../src/kernel/current.ts', import.meta.url).href)}
    import { stateRoot } from ${JSON.stringify(new URL('../../src/oci/state/state-root.ts', import.meta.url).href)}
    console.log(stateRoot(await currentKernel(), undefined))`
  const words = ['-r', process.execPath, '--import', 'tsx', '--input-type=module', '-e', source]
  const env = { ...process.env, XDG_RUNTIME_DIR: '/run/user/1000' }
  const { stdout, stderr } = spawnSync('unshare', words, { encoding: 'utf8', env })
  assert.equal(stdout, '/run/user/1000/carrel-oci\n', stderr)
})
