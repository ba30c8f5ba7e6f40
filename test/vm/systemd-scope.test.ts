import assert from 'node:assert/strict'
import { existsSync, statSync } from 'node:fs'
import { test } from 'node:test'
import { InvalidInputError, StateError, UnsupportedError } from '../../src/base/errors.ts'
import { type Scope, slicePath, startScope, type StartScopeOptions } from '../../src/cgroup/systemd/index.ts'
import type { Resources } from '../../src/features/cgroups/resources.ts'
import { eventually } from '../support/eventually.ts'
import { fileOf, gone, groupOf, ORDINARY, shown, unitName, type Waiting, waiting } from './systemd-units.ts'

// In the machine of the lane that systemd runs: as root with the system's manager, and again as an ordinary user with the user's own.

const MIB = 2 ** 20

/** Numbers of a device node, as glibc's gnu_dev_major() takes them apart. */
function deviceOf(path: string): { readonly major: number; readonly minor: number } {
  const { rdev } = statSync(path)
  return { major: rdev >> 8, minor: rdev & 0xff }
}

/** A scope around a process that has not begun; both are gone afterwards. */
async function withScope(
  options: Partial<StartScopeOptions>,
  use: (scope: Scope, held: Waiting) => Promise<void>,
  script?: string,
): Promise<void> {
  const held = waiting(script)
  const scope = await startScope({ name: unitName('held'), pids: [held.pid], ...options })
  try {
    await use(scope, held)
  } finally {
    await held.kill()
  }
  await gone(scope.unit, scope.places)
}

const LIMITS = {
  memory: { limit: 64 * MIB, reservation: 16 * MIB, swap: 96 * MIB },
  cpu: { shares: 512, quota: 25_000, period: 50_000 },
  pids: { limit: 33 },
  unified: { 'memory.high': String(60 * MIB) },
} as const satisfies Resources

test('L58: each limit of a scope is in the files of its group, and in its properties', async () => {
  await withScope(
    { resources: LIMITS, description: 'A test' },
    async ({ unit, controlGroup, places, byHand }, { pid }) => {
      assert.equal(groupOf(pid), controlGroup)
      const files = ['memory.max', 'memory.low', 'memory.swap.max', 'memory.high', 'cpu.max', 'cpu.weight', 'pids.max']
      assert.deepEqual(
        files.map((file) => fileOf(places, file)),
        [...[64, 16, 32, 60].map((mib) => String(mib * MIB)), '25000 50000', '59', '33'],
      )
      const properties = [
        'MemoryMax',
        'CPUQuotaPerSecUSec',
        'CPUWeight',
        'TasksMax',
        'Delegate',
        'CollectMode',
        'Description',
      ]
      assert.deepEqual(
        properties.map((property) => shown(unit, property)),
        [String(64 * MIB), '500ms', '59', '33', 'yes', 'inactive-or-failed', 'A test'],
      )
      assert.deepEqual(byHand, {})
    },
  )
})

test('L58: CPUs and memory nodes of a scope, or a refusal by the manager that has no such controller', async () => {
  const resources = { cpu: { cpus: '1', mems: '0' } }
  if (ORDINARY) {
    const held = waiting()
    const name = unitName('cpuset')
    await assert.rejects(startScope({ name, pids: [held.pid], resources }), (error) => {
      assert.ok(error instanceof UnsupportedError)
      assert.match(error.message, /cpuset.*Delegate=cpu memory pids cpuset/s)
      return true
    })
    assert.equal(shown(name, 'LoadState'), 'not-found')
    return await held.kill()
  }
  await withScope({ resources }, async ({ unit, places }) => {
    assert.equal(fileOf(places, 'cpuset.cpus'), '1')
    assert.equal(fileOf(places, 'cpuset.mems.effective'), '0')
    assert.equal(shown(unit, 'AllowedCPUs'), '1')
  })
})

test('L58: disk limits of a scope by device, or a refusal by the manager that has no io controller', async () => {
  const device = deviceOf(process.env['CARREL_TEST_DISK'] ?? '/dev/vdb')
  if (ORDINARY) {
    const resources = { blockIO: { throttleReadBpsDevice: [{ ...device, rate: MIB }] } }
    const held = waiting()
    await assert.rejects(startScope({ name: unitName('io'), pids: [held.pid], resources }), /has no controller io/)
    return await held.kill()
  }
  const resources = {
    blockIO: { throttleReadBpsDevice: [{ ...device, rate: MIB }], throttleWriteIOPSDevice: [{ ...device, rate: 7 }] },
  }
  await withScope({ resources }, async ({ places }) => {
    const limits = `rbps=${MIB} wbps=max riops=max wiops=7`
    assert.equal(fileOf(places, 'io.max'), `${device.major}:${device.minor} ${limits}`)
  })
})

test('L58: a limit that nothing enforces is refused, although one who asked systemd alone would not know', async () => {
  const held = waiting()
  // A device that is not there for root; a controller that a user has not been given.
  const rate = [{ major: 4000, minor: 0, rate: MIB }]
  const request = {
    name: unitName('nodisk'),
    pids: [held.pid],
    resources: { blockIO: { throttleReadBpsDevice: rate } },
  }
  const words = ORDINARY ? /no controller io/ : /IOReadBandwidthMax of carreltest.*the kernel has it not/
  await assert.rejects(startScope(request), (error) => error instanceof UnsupportedError && words.test(error.message))
  await held.kill()
  await gone(request.name, [])
})

const DEVICES = [
  { allow: false },
  { allow: true, type: 'c', major: 1, minor: 3, access: 'rw' },
  { allow: true, type: 'c', major: 136 },
] as const

test('L58: a scope with a list of devices opens no other, classes by their number included', async () => {
  if (ORDINARY) {
    const held = waiting()
    const request = startScope({ name: unitName('devices'), pids: [held.pid], resources: { devices: DEVICES } })
    await assert.rejects(request, /cannot bound devices/)
    return await held.kill()
  }
  const probe = (path: string) => `(: < ${path}) 2>/dev/null && echo yes || echo no`
  const script = [probe('/dev/null'), probe('/dev/zero'), probe('/dev/pts/ptmx'), probe('/dev/urandom')].join(';')
  const before = await waiting(script).run()
  assert.equal(before.text, 'yes\nyes\nyes\nyes\n')
  await withScope(
    { resources: { devices: DEVICES } },
    async (_scope, held) => {
      assert.equal((await held.run()).text, 'yes\nno\nno\nno\n')
    },
    script,
  )
  const ones = [{ allow: false }, { allow: true, type: 'c', major: 1 }] as const
  await withScope(
    { resources: { devices: ones } },
    async (_scope, held) => {
      assert.equal((await held.run()).text, 'yes\nyes\nno\nyes\n')
    },
    script,
  )
})

test('L58: the number of processes in a scope ends at its limit', async () => {
  // The shell ends when it cannot fork.
  const script = 'i=0; while [ $i -lt 30 ]; do sleep 1 > /dev/null & i=$((i+1)); echo $i; done'
  await withScope(
    { resources: { pids: { limit: 8 } } },
    async ({ places }, held) => {
      assert.equal(fileOf(places, 'pids.max'), '8')
      const { text } = await held.run()
      assert.equal(text.trim().split('\n').at(-1), '7')
    },
    script,
  )
})

test('L58: memory above the limit of a scope ends its processes', async () => {
  // Through a pipe: tail does not keep what it can seek in.
  const hog = 'head -c 100000000 /dev/zero | tail -c 50000000 > /dev/null'
  assert.equal((await waiting(hog).run()).code, 0)
  await withScope(
    { resources: { memory: { limit: 16 * MIB, swap: 16 * MIB } } },
    async (_scope, held) => {
      // The kernel ends tail, which has most of it; where that is not enough in time, the shell too.
      assert.ok([128 + 9, 'SIGKILL'].includes((await held.run()).code))
    },
    hog,
  )
})

test('L58: slices with dashes are inside each other, and parseable as paths', async () => {
  const slice = `carreltest${process.pid}-a-b.slice`
  await withScope({ slice }, async ({ unit, controlGroup }, { pid }) => {
    assert.ok(controlGroup.endsWith(`${slicePath(slice)}/${unit}`), controlGroup)
    assert.equal(groupOf(pid), controlGroup)
    assert.equal(shown(unit, 'Slice'), slice)
  })
})

test('L58: limits of a live scope change, and not below what is in use when that was asked', async () => {
  await withScope(
    { resources: LIMITS },
    async (scope, { child }) => {
      const byHand = await scope.setProperties({
        memory: { limit: 80 * MIB, swap: 80 * MIB },
        pids: { limit: -1 },
        cpu: { burst: 10 },
      })
      assert.deepEqual(byHand, { cpu: { burst: 10 } })
      const files = ['memory.max', 'memory.swap.max', 'pids.max', 'cpu.max']
      assert.deepEqual(
        files.map((file) => fileOf(scope.places, file)),
        [String(80 * MIB), '0', 'max', '25000 50000'],
      )
      child.stdin?.write('\n')
      const used = () => Number(fileOf(scope.places, 'memory.current'))
      await eventually(
        () => used() > MIB,
        () => `it uses ${used()} bytes`,
        20_000,
      )
      const below = { memory: { limit: MIB / 2, checkBeforeUpdate: true } }
      await assert.rejects(scope.setProperties(below), /memory\.limit of 524288 bytes is below/)
      assert.equal(fileOf(scope.places, 'memory.max'), String(80 * MIB))
    },
    "x=$(head -c 3000000 /dev/zero | tr '\\0' a); read go",
  )
})

test('L58: a quota of no whole percent is rounded up, and given back to be written by hand', async () => {
  await withScope({ resources: { cpu: { quota: 12_345, burst: 1000 } } }, async ({ places, byHand }) => {
    assert.equal(fileOf(places, 'cpu.max'), '13000 100000')
    assert.deepEqual(byHand, { cpu: { quota: 12_345, burst: 1000 } })
  })
})

test('L58: a scope ends with its last process, or when it is stopped', async () => {
  await withScope({}, async (scope, held) => {
    await held.run()
    await gone(scope.unit, scope.places)
    await scope.stop()
    await assert.rejects(scope.resetFailed(), (error) => error instanceof StateError && error.state === 'gone')
    await assert.rejects(
      scope.setProperties({ pids: { limit: 5 } }),
      (error) => error instanceof StateError && error.state === 'gone',
    )
  })
  await withScope(
    { stopTimeoutMs: 200 },
    async (scope, held) => {
      const ended = held.run()
      await scope.stop()
      assert.equal((await ended).code, 'SIGKILL')
    },
    "trap '' TERM; while :; do sleep 1; done",
  )
})

test('L58: what systemd refuses is told in its words', async () => {
  await withScope({}, async ({ unit }) => {
    const other = waiting()
    await assert.rejects(startScope({ name: unit, pids: [other.pid] }), (error) => {
      assert.ok(error instanceof StateError)
      assert.equal(error.state, 'in use')
      assert.match(error.message, /already/)
      return true
    })
    await other.kill()
    const ended = waiting()
    await ended.kill()
    await assert.rejects(startScope({ name: unitName('ended'), pids: [ended.pid] }), (error) => {
      assert.ok(error instanceof StateError)
      assert.match(error.message, /does not start .*process|not exist/i)
      return true
    })
    await assert.rejects(startScope({ name: unitName('bad'), pids: [1], slice: 'a--b.slice' }), InvalidInputError)
    await assert.rejects(startScope({ name: unitName('bad'), pids: [1], socket: '/run/no-such-bus' }), (error) => {
      assert.ok(error instanceof UnsupportedError)
      assert.match(error.message, /ENOENT/)
      return true
    })
  })
})

test('L58: the manager is found by its own socket too, where there is no bus', async () => {
  const socket = ORDINARY ? `${process.env['XDG_RUNTIME_DIR']}/systemd/private` : '/run/systemd/private'
  assert.ok(existsSync(socket))
  await withScope({ socket, resources: { pids: { limit: 9 } } }, async ({ places }) => {
    assert.equal(fileOf(places, 'pids.max'), '9')
  })
})
