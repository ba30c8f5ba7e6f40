import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { type Changes, container, run, scratch, script, useOci } from '../support/oci.ts'
import { usualMounts } from '../support/oci-bundle.ts'
import { requires } from '../support/requires.ts'
import { Outside, refuses } from './outside.ts'

useOci()

const V1 = requires({ root: true, hierarchies: ['memory', 'pids'] })
const HOST = ['kernel/core_pattern', 'kernel/panic', 'vm/overcommit_memory', 'kernel/shm_rmid_forced']
const hostValues = (): readonly string[] => HOST.map((name) => readFileSync(`/proc/sys/${name}`, 'utf8'))

// CVE-2022-0811: a value or a key that is more than one.
test('a sysctl sets one value of the container, or nothing', () => {
  const before = hostValues()
  const smuggled: readonly (readonly [key: string, value: string])[] = [
    ['kernel.shm_rmid_forced', '1\nkernel.core_pattern=|/evil'],
    ['kernel.shm_rmid_forced', '1+kernel.core_pattern=|/evil'],
    ['kernel.shm_rmid_forced=1+kernel.core_pattern', '|/evil'],
    ['net.ipv4.ip_forward/../../../kernel/core_pattern', '|/evil'],
    ['net/../kernel/core_pattern', '|/evil'],
    ['net...kernel.core_pattern', '|/evil'],
    ['net.ipv4.\n', '1'],
    ['kernel.core_pattern', '|/evil'],
    ['kernel.modprobe', '/evil'],
    ['vm.overcommit_memory', '1'],
    ['fs.mqueue/../../kernel/core_pattern', '|/evil'],
    ['', '1'],
    ['/proc/sys/kernel/core_pattern', '|/evil'],
  ]
  for (const [key, value] of smuggled) refuses({ linux: { sysctl: { [key]: value } } })
  assert.deepEqual(hostValues(), before)
})

// CVE-2025-52881: what is written to is another file than that of procfs.
test('a sysctl is not written to a file that is mounted over procfs', () => {
  const outside = new Outside()
  const fake = scratch('fake')
  mkdirSync(join(fake, 'net/ipv4'), { recursive: true })
  symlinkSync(join(outside.path, 'secret'), join(fake, 'net/ipv4/ip_forward'))
  writeFileSync(join(fake, 'net/ipv4/ip_default_ttl'), '64')
  const mounts = [...usualMounts(), { destination: '/proc/sys', source: fake, options: ['rbind'] }]
  const sysctl = { 'net.ipv4.ip_forward': '1', 'net.ipv4.ip_default_ttl': '33' }
  run({ mounts, linux: { sysctl }, process: { args: ['/bin/true'] } })
  outside.assertUntouched('fake /proc/sys')
  assert.equal(readFileSync(join(fake, 'net/ipv4/ip_default_ttl'), 'utf8'), '64')
})

// CVE-2019-16884: labels, and what else a runtime writes to /proc/self, would go to files of the image.
test('a folder of the host, or of the image, is not taken for procfs', () => {
  const fake = scratch('fake')
  mkdirSync(join(fake, 'self/attr'), { recursive: true })
  const others = usualMounts().filter(({ destination }) => destination !== '/proc')
  const linux = { maskedPaths: [], readonlyPaths: [] }
  const process = { noNewPrivileges: true, oomScoreAdj: 500, args: ['/bin/true'] }
  run({ mounts: [...others, { destination: '/proc', source: fake, options: ['rbind'] }], linux, process })
  run({ mounts: others, linux, process }, { files: { 'proc/self/oom_score_adj': 'own', 'proc/self/attr/exec': 'own' } })
  assert.throws(() => readFileSync(join(fake, 'self/oom_score_adj')))
  assert.throws(() => readFileSync(join(fake, 'self/attr/exec')))
})

test('the masked and read-only paths are so, and not by the word of the container', () => {
  const text = [
    'head -c 1 /proc/kcore | wc -c',
    'cat /proc/keys /proc/timer_list 2>/dev/null | wc -c',
    'ls -A /sys/firmware | wc -l',
    'for each in sysrq-trigger sys/kernel/core_pattern sys/kernel/hostname irq/0/smp_affinity; do (echo 1 > /proc/$each) 2> /dev/null && echo $each; done',
    'mount -o remount,rw /proc/sys 2> /dev/null && echo remounted',
    'umount /proc/kcore 2> /dev/null && echo unmounted',
    'true',
  ]
  assert.equal(run({ process: script(text.join('; ')) }).stdout, '0\n0\n0\n')
})

const cgroupMount = (options: readonly string[]): Changes => ({
  mounts: [...usualMounts(), { destination: '/sys/fs/cgroup', type: 'cgroup', source: 'cgroup', options }],
})

// CVE-2022-0492: the host runs release_agent as its own superuser.
test('release_agent of no hierarchy can be written', V1, () => {
  const agents = (): readonly string[] =>
    ['memory', 'pids'].map((name) => readFileSync(`/sys/fs/cgroup/${name}/release_agent`, 'utf8'))
  const before = agents()
  const text = [
    'for each in $(find /sys/fs/cgroup -name release_agent); do (echo /evil > $each) 2> /dev/null && echo $each; done',
    // The published way: rights of its own in a new user and cgroup namespace.
    "unshare -UrmC sh -c 'mkdir /tmp/c && mount -t cgroup -o memory cgroup /tmp/c && echo /evil > /tmp/c/release_agent && echo by a mount of its own' 2> /dev/null",
    'true',
  ]
  for (const options of [
    ['ro', 'nosuid'],
    ['rw', 'nosuid'],
  ]) {
    assert.equal(run({ ...cgroupMount(options), process: script(text.join('\n')) }).stdout, '', options[0])
  }
  assert.deepEqual(agents(), before)
})

// CVE-2023-25809: the groups above that of the container.
test('a container sees and makes no group but below its own', V1, () => {
  const text = [
    'cat /sys/fs/cgroup/memory/cgroup.procs',
    'mkdir /sys/fs/cgroup/memory/../memory/../../../escaped /sys/fs/cgroup/escaped 2> /dev/null',
    'mkdir /sys/fs/cgroup/memory/inner 2> /dev/null && echo made',
    'ls /sys/fs/cgroup/memory | grep -c carrel-test',
    'true',
  ]
  const one = run({ ...cgroupMount(['ro']), process: script(text.join('\n')) })
  const [first, ...others] = one.stdout.trim().split('\n')
  assert.equal(first, '1', one.stdout + one.stderr)
  assert.ok(
    others.every((line) => /^\d+$/.test(line)),
    one.stdout,
  )
  assert.equal(others.at(-1), '0')
  assert.doesNotMatch(one.stdout, /made/)
})

test('no mount of a container is shared or is a slave of the host’s', () => {
  const { pid } = container(cgroupMount(['ro']))
  assert.doesNotMatch(readFileSync(`/proc/${pid}/mountinfo`, 'utf8'), / shared:/)
})
