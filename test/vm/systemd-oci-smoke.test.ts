import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { container, stateRoot, uniqueName, useOci } from '../support/oci.ts'
import { ORDINARY, shown } from './systemd-units.ts'

// The runtime where systemd makes the groups.

useOci()

const MIB = 2 ** 20
const ROOT = { skip: ORDINARY && 'needs root' }

test(
  'with --systemd-cgroup a container is in a scope that systemd made, has its limits, and is gone with it',
  ROOT,
  () => {
    const name = uniqueName()
    const resources = {
      devices: [{ allow: false, access: 'rwm' }],
      memory: { limit: 64 * MIB, swap: 64 * MIB },
      pids: { limit: 33 },
    }
    const linux = { cgroupsPath: `system.slice:carrel:${name}`, resources }
    const global = ['--systemd-cgroup', '--root', stateRoot()]
    const one = container({ linux }, { global, id: name })
    const group = readFileSync(`/proc/${one.pid}/cgroup`, 'utf8').trim().replace('0::', '')
    assert.equal(group, `/system.slice/carrel-${name}.scope`)
    const file = (leaf: string): string => readFileSync(`/sys/fs/cgroup${group}/${leaf}`, 'utf8').trim()
    assert.deepEqual([file('memory.max'), file('pids.max')], [String(64 * MIB), '33'])
    assert.equal(shown(`carrel-${name}.scope`, 'TasksMax'), '33')
    const { stderr, stdout } = one.exec([
      '/bin/sh',
      '-c',
      'cat /proc/self/cgroup; mknod /tmp/kmsg c 1 11; cat /tmp/kmsg',
    ])
    assert.equal(stdout.trim(), `0::${group}`)
    assert.match(stderr, /not permitted/)
    assert.equal(one.state().status, 'running')
    one.kill('KILL')
    one.delete('--force')
    assert.notEqual(shown(`carrel-${name}.scope`, 'ActiveState'), 'active')
  },
)
