import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { createHash } from 'node:crypto'
import { chmodSync, copyFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { type Container, container, run, RUNTIME, scratch, undoAfterTest, useOci } from '../support/oci.ts'
import { usualMounts } from '../support/oci-bundle.ts'
import { withAttacker } from './outside.ts'

useOci()

const CAPABILITIES = ['CAP_DAC_OVERRIDE', 'CAP_SYS_PTRACE', 'CAP_SYS_ADMIN', 'CAP_FOWNER']
const ALL = { bounding: CAPABILITIES, effective: CAPABILITIES, permitted: CAPABILITIES }

const hash = (): string => createHash('sha256').update(readFileSync(RUNTIME.file)).digest('hex')

/** A container whose file system is a tmpfs of its own, where the attacker tells its files from those of the host. */
function withOwnDevice(milliseconds: number): Container {
  const mounts = [
    ...usualMounts(),
    { destination: '/bin', type: 'tmpfs', source: 'tmpfs', options: ['tmpcopyup', 'mode=755'] },
  ]
  return container(
    { mounts, process: { capabilities: ALL, args: ['/bin/attacker', 'executables', String(milliseconds)] } },
    { prepare: withAttacker },
  )
}

const ready = (one: Container): Promise<boolean> =>
  eventually(
    () => one.output.includes('ready'),
    () => `${one.output}${one.errors}`,
  )

// CVE-2019-5736: the program that is started is the runtime itself, and who starts it may write to it afterwards.
test('#!/proc/self/exe as a program does not change the runtime', () => {
  const before = hash()
  const prepare = (root: string): void => {
    writeFileSync(join(root, 'evil'), '#!/proc/self/exe\n')
    chmodSync(join(root, 'evil'), 0o755)
  }
  run({ process: { args: ['/evil'] } }, { prepare })
  run({ process: { args: ['/proc/self/exe', 'features'] } }, { prepare })
  const one = container({}, { prepare })
  one.exec(['/evil'])
  assert.equal(one.exec(['/proc/self/exe', '--version']).stdout.includes('carrel'), false)
  assert.equal(hash(), before)
})

test('no executable that a container sees in /proc can be written, while commands are run in it', async () => {
  const before = hash()
  const one = withOwnDevice(1500)
  await ready(one)
  for (let at = 0; at < 15; at++) one.exec(['/bin/true'])
  const output = await one.ended()
  assert.match(output, /^saw \d+$/m)
  assert.equal(hash(), before)
})

test('the attacker writes to an executable of the host, if there is one in its pid namespace', async () => {
  const one = withOwnDevice(4000)
  await ready(one)
  const exposed = scratch('exposed')
  copyFileSync('/bin/sleep', exposed)
  chmodSync(exposed, 0o755)
  const victim = spawn('nsenter', [`--pid=/proc/${one.pid}/ns/pid`, '--', exposed, '1'], { stdio: 'ignore' })
  undoAfterTest(() => void victim.kill('SIGKILL'))
  assert.match(await one.ended(6000), /^writable /m)
})

test('what runs in a created container is not the runtime’s file', () => {
  const one = container()
  const shown = execFileSync('stat', ['-L', '-c', '%d:%i', `/proc/${one.pid}/exe`], { encoding: 'utf8' })
  const own = execFileSync('stat', ['-L', '-c', '%d:%i', RUNTIME.file], { encoding: 'utf8' })
  assert.notEqual(shown, own)
})
