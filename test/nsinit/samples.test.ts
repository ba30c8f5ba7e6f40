import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { useOci } from '../support/oci.ts'
import { REPOSITORY } from '../support/repository.ts'
import { requires } from '../support/requires.ts'
import { Room } from './network-room.ts'
import { NsinitDirectory } from './nsinit-directory.ts'

const NEEDS = requires({ root: true })
useOci()

/** What is asked in the container of a sample, and what the kernel answers there. */
const SAMPLES = {
  'minimal.json': ['cat /sys/class/net/lo/flags; touch /here && echo written', /^0x9\s+written\s*$/],
  'read_only.json': [
    'touch /here 2>/dev/null || echo refused; touch /tmp/here && echo written',
    /^refused\s+written\s*$/,
  ],
  'no_pivot_root.json': ['grep -c "^Seccomp:.2" /proc/self/status; ls -d /proc/1', /^1\s+\/proc\/1\s*$/],
  'sample.json': [
    'hostname; test -t 0 && echo terminal; ip route | grep -c "^default via 172.17.42.1 dev eth0"',
    /^koye\s+terminal\s+1\s*$/,
  ],
} as const

test('L20, L12, L13, L17: the samples of 2014 run whole, and leave nothing', NEEDS, async () => {
  const room = await Room.open()
  for (const [name, [question, answer]] of Object.entries(SAMPLES)) {
    const text = readFileSync(join(REPOSITORY, 'examples/nsinit', name), 'utf8')
    // Its group is one of the test's own.
    const { cgroups: _, ...rest } = JSON.parse(text) as Readonly<Record<string, unknown>>
    const one = new NsinitDirectory(rest)
    const { status, stdout, stderr } = room.nsinit(one.path, ['exec', 'sh', '-c', question])
    assert.equal(status, 0, `${name}: ${stderr}`)
    assert.match(stdout.replaceAll('\r', ''), answer, name)
    assert.deepEqual([room.names(), one.has('pid'), one.stored, one.groups], [[], false, undefined, []], name)
  }
})
