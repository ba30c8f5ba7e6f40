import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import { test } from 'node:test'
import { NsinitDirectory } from '../nsinit/nsinit-directory.ts'
import { eventually } from '../support/eventually.ts'
import { useOci } from '../support/oci.ts'

// carrel nsinit where cgroup v2 is all there is.

useOci()

const MIB = 2 ** 20

interface Printed {
  readonly cgroup_stats: { readonly memory_stats: { readonly limit: number }; readonly freezer_stats: object }
}

test('L26, L59, L60, L61: on v2 too, a container is counted, stands still, goes on, and tells when memory ran out', async () => {
  const one = new NsinitDirectory({ cgroups: { memory: 24 * MIB, memory_swap: 24 * MIB } })
  const live = await one.live()
  const group = `/sys/fs/cgroup/${one.group}`
  // It starts beside the others, which take seconds in software.
  const watch = one.background(['oom', '--json'])
  const isFrozen = (): boolean => /^frozen 1$/m.test(readFileSync(`${group}/cgroup.events`, 'utf8'))
  assert.deepEqual([one.nsinit(['pause']).status, isFrozen()], [0, true])
  const { memory_stats: memory, freezer_stats: freezer } = (JSON.parse(one.nsinit(['stats']).stdout) as Printed)
    .cgroup_stats
  assert.equal(memory.limit, 24 * MIB)
  assert.deepEqual(freezer, { state: 'FROZEN', self_state: '1', parent_state: '0' })
  assert.deepEqual([one.nsinit(['unpause']).status, isFrozen()], [0, false])
  // Asleep in ppoll(2) on three descriptors or fewer: it watches.
  await eventually(
    () => /^\d+ 0x[0-9a-f]+ 0x[1-3] /.test(readFileSync(`/proc/${watch.child.pid}/syscall`, 'utf8')),
    () => 'the watch',
  )
  // Whoever joins is in the group: it is killed there, and process 1 is not.
  assert.equal(one.exec('dd', 'if=/dev/zero', 'of=/dev/null', 'bs=200M', 'count=1').status, 137)
  const [line] = await watch.shows(/^\{.*\}$/m)
  assert.equal((JSON.parse(line) as { readonly type: string }).type, 'oom')
  process.kill(live.pid, 'SIGKILL')
  assert.deepEqual([(await live.ended).code, (await watch.ended).code], [137, 0])
  assert.equal(existsSync(group), false)
})
