import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { test } from 'node:test'
import { NsinitDirectory } from '../nsinit/nsinit-directory.ts'
import { useOci } from '../support/oci.ts'
import { ORDINARY, shown } from './systemd-units.ts'

// carrel nsinit where systemd makes the groups.

useOci()

const MIB = 2 ** 20

test(
  'L58: with a slice the container is in the scope parent-name.scope, with its limits, and the scope ends with it',
  { skip: ORDINARY && 'needs root' },
  async () => {
    const cgroups = { parent: 'koye', slice: 'system.slice', memory: 64 * MIB, memory_swap: 64 * MIB }
    const one = new NsinitDirectory({ cgroups })
    const live = await one.live()
    const scope = `koye-${one.group}.scope`
    const group = `/system.slice/${scope}`
    assert.equal(readFileSync(`/proc/${live.pid}/cgroup`, 'utf8').trim(), `0::${group}`)
    const limit = readFileSync(`/sys/fs/cgroup${group}/memory.max`, 'utf8').trim()
    assert.deepEqual([shown(scope, 'MemoryMax'), limit], [String(64 * MIB), String(64 * MIB)])
    // Who joins is in it too; without a namespace of groups it sees the whole path.
    assert.equal(one.script('cat /proc/self/cgroup'), `0::${group}\n`)
    process.kill(live.pid, 'SIGKILL')
    assert.equal((await live.ended).code, 137)
    assert.notEqual(shown(scope, 'ActiveState'), 'active')
    assert.equal(one.stored, undefined)
  },
)
