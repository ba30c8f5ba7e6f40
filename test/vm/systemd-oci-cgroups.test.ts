import assert from 'node:assert/strict'
import { test } from 'node:test'
import { checkLinuxResources } from '../../src/bundle/config/check-linux-resources.ts'
import { newFindings } from '../../src/bundle/config/fields.ts'
import { nodeKernel } from '../../src/kernel/node.ts'
import { planGroup } from '../../src/oci/cgroups/plan-group.ts'
import { startScopeSync, stopScopeSync } from '../../src/oci/cgroups/systemd-scope.ts'
import { updateGroup } from '../../src/oci/cgroups/update-group.ts'
import { fileOf, gone, groupOf, ORDINARY, shown, waiting } from './systemd-units.ts'

// The synchronous conversation of the OCI runtime with systemd, as root and as an ordinary user.

const kernel = nodeKernel()
const MIB = 2 ** 20
let count = 0

const planOf = (resources: object, path = `:carreltest:${process.pid}-${++count}`) =>
  planGroup(kernel, {
    ...{ id: 'x', manager: 'systemd', rootless: ORDINARY, cgroupsPath: path },
    resources: checkLinuxResources(resources, '/linux/resources', newFindings()),
  })

test('L58: a scope holds the first process, with the limits of the configuration in the files of its group', async () => {
  const held = waiting()
  const plan = planOf({
    devices: [{ allow: false, access: 'rwm' }],
    memory: { limit: 64 * MIB, swap: 96 * MIB },
    cpu: { shares: 512, quota: 25_000, period: 50_000 },
    pids: { limit: 33 },
    unified: { 'memory.oom.group': '1' },
  })
  const { places, scope } = startScopeSync(kernel, plan, held.pid)
  try {
    assert.equal(scope, plan.scope?.unit)
    assert.ok(groupOf(held.pid).endsWith(`/${ORDINARY ? 'user' : 'system'}.slice/${scope}`), groupOf(held.pid))
    const files = ['memory.max', 'memory.swap.max', 'cpu.max', 'pids.max', 'memory.oom.group']
    assert.deepEqual(
      files.map((file) => fileOf(places, file)),
      [String(64 * MIB), String(32 * MIB), '25000 50000', '33', '1'],
    )
    assert.equal(shown(scope, 'Delegate'), 'yes')
    const wanted = { memory: { limit: 128 * MIB, swap: 128 * MIB }, pids: { limit: 44 } }
    await updateGroup(kernel, { groups: places, scope }, checkLinuxResources(wanted, '', newFindings(), { live: true }))
    assert.deepEqual([fileOf(places, 'memory.max'), fileOf(places, 'pids.max')], [String(128 * MIB), '44'])
    assert.equal(shown(scope, 'TasksMax'), '44')
    assert.throws(() => startScopeSync(kernel, planOf({}, `:carreltest:${process.pid}-${count}`), held.pid), {
      name: 'StateError',
      state: 'in use',
    })
    stopScopeSync(kernel, scope)
    await gone(scope, places)
    stopScopeSync(kernel, scope)
  } finally {
    await held.kill()
  }
})
