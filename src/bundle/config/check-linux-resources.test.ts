import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exampleText, refusal } from './example-config.ts'
import { parseConfig, parseResources } from './parse-config.ts'

const WRONG: readonly (readonly [resources: unknown, message: RegExp])[] = [
  [[], /^\/linux\/resources must be an object, not a list$/],
  [{ memory: 1 }, /^\/linux\/resources\/memory must be an object/],
  [{ memory: null }, /^\/linux\/resources\/memory must be an object, not null/],
  [{ memory: { limit: '1G' } }, /^\/linux\/resources\/memory\/limit must be a whole number/],
  [{ memory: { limit: -2 } }, /^\/linux\/resources\/memory\/limit must be/],
  [{ memory: { swap: 8192 } }, /^\/linux\/resources\/memory\/swap needs memory\.limit/],
  [{ memory: { limit: 8192, swap: 4096 } }, /^\/linux\/resources\/memory\/swap must not be below memory\.limit/],
  [{ cpu: { cpus: '3-1' } }, /^\/linux\/resources\/cpu\/cpus must be a list of CPU numbers/],
  [{ cpu: { period: 999 } }, /^\/linux\/resources\/cpu\/period must be/],
  [{ cpu: { shares: -1 } }, /^\/linux\/resources\/cpu\/shares must be/],
  [{ pids: {} }, /^\/linux\/resources\/pids\/limit is missing/],
  [
    { blockIO: { weightDevice: [{ major: 8, minor: 0 }] } },
    /^\/linux\/resources\/blockIO\/weightDevice\/0 must have weight or leafWeight$/,
  ],
  [
    { blockIO: { throttleReadBpsDevice: [{ major: 8, minor: 0, rate: -1 }] } },
    /^\/linux\/resources\/blockIO\/throttleReadBpsDevice\/0\/rate must be/,
  ],
  [
    { hugepageLimits: [{ pageSize: '3MB', limit: 1 }] },
    /^\/linux\/resources\/hugepageLimits\/0\/pageSize must be a power of two/,
  ],
  [
    { hugepageLimits: [{ pageSize: '2MB', limit: -1 }] },
    /^\/linux\/resources\/hugepageLimits\/0\/limit must not be negative/,
  ],
  [
    { network: { priorities: [{ name: 'a b', priority: 1 }] } },
    /^\/linux\/resources\/network\/priorities\/0\/name must be/,
  ],
  [{ rdma: { 'mlx5.0': {} } }, /^\/linux\/resources\/rdma\/mlx5\.0 must have hcaHandles or hcaObjects$/],
  [{ rdma: { mlx5: { hcaHandles: -1 } } }, /^\/linux\/resources\/rdma\/mlx5\/hcaHandles must not be negative/],
  [{ rdma: { mlx5: { hcaHandles: 2 ** 32 } } }, /^\/linux\/resources\/rdma\/mlx5\/hcaHandles must be/],
  [{ devices: [{ type: 'c' }] }, /^\/linux\/resources\/devices\/0\/allow must be true or false/],
  [{ devices: [{ allow: true, access: 'rx' }] }, /^\/linux\/resources\/devices\/0\/access must be/],
  [{ unified: { 'memory.high': 5 } }, /^\/linux\/resources\/unified\/memory\.high must be text/],
  [{ unified: { 'cgroup.freeze': '1' } }, /^\/linux\/resources\/unified\/cgroup\.freeze decides where processes are/],
  [{ unified: { '../x': '1' } }, /^\/linux\/resources\/unified\/\.\.~1x must be named like a file of cgroup v2/],
]

for (const [resources, message] of WRONG) {
  test(`parseConfig() refuses resources ${JSON.stringify(resources)}`, () => {
    assert.match(refusal(['/linux/resources', resources]), message)
  })
}

const resourcesOf = (resources: unknown): ReturnType<typeof parseResources> => {
  const { config, warnings } = parseConfig(exampleText(['/linux/resources', resources]))
  return { resources: config.linux!.resources!, warnings }
}

test('parseConfig() takes the zeros and empty lists of dockerd for "not set"', () => {
  const docker = {
    memory: { limit: 0, reservation: 0, kernel: 0, swappiness: 2n ** 64n - 1n, disableOOMKiller: false },
    cpu: { shares: 0, quota: 0, period: 0, cpus: '', mems: '' },
    blockIO: { weight: 0 },
    pids: { limit: 0 },
  }
  assert.deepEqual(resourcesOf(docker).resources, {
    memory: { disableOOMKiller: false },
    cpu: {},
    blockIO: {},
    pids: { limit: 0 },
  })
})

test('parseConfig() takes amounts that no machine has for no limit', () => {
  const { resources } = resourcesOf({
    memory: { limit: 9223372036854771712n, swap: 2n ** 63n - 1n },
    hugepageLimits: [{ pageSize: '2MB', limit: 2n ** 64n - 1n }],
  })
  assert.deepEqual(resources, { memory: { limit: -1, swap: -1 }, hugepageLimits: [{ pageSize: '2MB', limit: -1 }] })
  assert.match(refusal(['/linux/resources/memory/limit', 2n ** 63n]), /^\/linux\/resources\/memory\/limit must be/)
})

test('parseConfig() clamps CPU shares as the kernel does, and says so', () => {
  const { resources, warnings } = resourcesOf({ cpu: { shares: 1 } })
  assert.deepEqual(resources.cpu, { shares: 2 })
  assert.deepEqual(warnings, ['/linux/resources/cpu/shares is 1, which the kernel takes as 2'])
  assert.deepEqual(resourcesOf({ cpu: { shares: 1_000_000 } }).resources.cpu, { shares: 262_144 })
})

test("parseConfig() does not take Carrel's own words for the specification's", () => {
  const { resources, warnings } = resourcesOf({
    freezer: 'frozen',
    cpu: { weight: 5 },
    devices: [{ allow: false, x: 1 }],
  })
  assert.deepEqual(resources, { cpu: {}, devices: [{ allow: false }] })
  assert.deepEqual(warnings, [
    'Unknown properties are ignored: /linux/resources/freezer, /linux/resources/cpu/weight, /linux/resources/devices/0/x',
  ])
})

test('parseResources() reads changes of a live group, with places from the top of its own document', () => {
  assert.deepEqual(parseResources('{"memory": {"swap": 8192}, "x": 1}'), {
    resources: { memory: { swap: 8192 } },
    warnings: ['Unknown properties are ignored: /x'],
  })
  assert.throws(() => parseResources('{"pids": {"limit": -2}}'), {
    message: /^\/pids\/limit must be/,
    field: '/pids/limit',
  })
})
