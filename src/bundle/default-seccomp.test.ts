import assert from 'node:assert/strict'
import { test } from 'node:test'
import { decide } from '../features/seccomp/decide.ts'
import { DEFAULT_SECCOMP_PROFILE } from '../features/seccomp/default-profile.ts'
import { tableOptions } from '../features/seccomp/index.ts'
import { SECCOMP_ARCHES } from '../features/seccomp/profile.ts'
import type { SeccompData } from '../features/seccomp/seccomp-data.ts'
import { checkProgram, simulate } from '../features/seccomp/simulate.ts'
import type { Arch } from '../linux/arch.ts'
import { decodeBpf } from '../linux/bpf-instructions.ts'
import { SECCOMP_ACTIONS } from '../linux/tables/seccomp.ts'
import { defaultSeccomp } from './default-seccomp.ts'
import { ociSeccomp } from './seccomp/oci-seccomp.ts'

const ARCHES: readonly Arch[] = ['x64', 'arm64']
const { SECCOMP_RET_ALLOW } = SECCOMP_ACTIONS.values
const TIOCSTI = 0x5412n
const TIOCLINUX = 0x541cn

/** Values near everything that the profile tests, and the same with bits that the kernel ignores. */
const LOW = [
  0n,
  1n,
  2n,
  3n,
  6n,
  8n,
  0xan,
  0xbn,
  0x8000an,
  16n,
  0x5410n,
  TIOCSTI,
  0x5413n,
  TIOCLINUX,
  0x541en,
  0o100n,
  0o4755n,
  0x10000000n,
  0xffffffffn,
]
const VALUES = LOW.flatMap((value) => [value, value | (1n << 32n), value | (1n << 63n)])

const programs = Object.fromEntries(
  ARCHES.map((arch) => [arch, decodeBpf(ociSeccomp(defaultSeccomp(arch), arch).filter)]),
)

const allows = (arch: Arch, call: SeccompData): boolean => simulate(programs[arch]!, call).value === SECCOMP_RET_ALLOW

test("defaultSeccomp() allows exactly what Carrel's own profile allows, by the specification's rules", () => {
  let allowed = 0
  for (const arch of ARCHES) {
    const { numbers } = tableOptions(arch)
    checkProgram(programs[arch]!)
    for (let nr = 0; nr <= 500; nr++) {
      for (let i = 0; i < VALUES.length; i++) {
        const args = Array.from({ length: 6 }, (_, k) => VALUES[(i + k * (nr + 1)) % VALUES.length]!)
        const call = { nr, arch: SECCOMP_ARCHES[arch].audit, args }
        const want = decide(DEFAULT_SECCOMP_PROFILE, arch, numbers, call).type === 'SCMP_ACT_ALLOW'
        assert.equal(allows(arch, call), want, `${arch} ${nr}(${args.join(', ')})`)
        allowed += Number(want)
      }
    }
  }
  assert.ok(allowed > 10_000)
})

test('defaultSeccomp() refuses input to a terminal however the command is written (CVE-2019-10063), and no other command', () => {
  for (const arch of ARCHES) {
    const nr = tableOptions(arch).numbers['ioctl']!
    const ioctl = (command: bigint): boolean =>
      allows(arch, { nr, arch: SECCOMP_ARCHES[arch].audit, args: [0n, command] })
    for (const high of [0n, 1n << 32n, 1n << 63n]) {
      assert.equal(ioctl(TIOCSTI | high), false)
      assert.equal(ioctl(TIOCLINUX | high), false)
    }
    for (let bit = 0n; bit < 32n; bit++) assert.equal(ioctl(TIOCSTI ^ (1n << bit)), true)
    for (let command = 0x5400n; command < 0x5500n; command++) {
      assert.equal(ioctl(command), command !== TIOCSTI && command !== TIOCLINUX)
    }
  }
})
