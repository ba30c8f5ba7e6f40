import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  type Changes,
  container,
  oci,
  removeGroup,
  run,
  script,
  undoAfterTest,
  uniqueName,
  useOci,
} from '../../support/oci.ts'
import { requires } from '../../support/requires.ts'
import { fails, groupsOf, refused } from './expect.ts'

useOci()

const V1 = requires({ root: true, hierarchies: ['memory', 'cpu', 'cpuset', 'pids', 'blkio', 'devices', 'freezer'] })

/** A container with these resources, and a reader of the files of its group. */
function limited(
  resources: Changes,
  changes: Changes = {},
): { pid: number; id: string; read: (controller: string, file: string) => string } {
  const one = container({ ...changes, linux: { resources } })
  const read = (controller: string, file: string): string =>
    readFileSync(join('/sys/fs/cgroup', controller, one.bundle.cgroup, file), 'utf8').trim()
  return { pid: one.pid, id: one.id, read }
}

test('OCI-L18, OCI-L19: an absolute cgroupsPath is below the mount, each time', V1, () => {
  const cgroupsPath = `/${uniqueName()}/inner`
  undoAfterTest(() => removeGroup(cgroupsPath.replace('/inner', '')))
  for (let round = 0; round < 2; round++) {
    const one = container({ linux: { cgroupsPath } })
    assert.match(readFileSync(`/proc/${one.pid}/cgroup`, 'utf8'), new RegExp(`:memory:${cgroupsPath}$`, 'm'))
    assert.ok(existsSync(`/sys/fs/cgroup/memory${cgroupsPath}/cgroup.procs`))
    one.delete('--force')
    assert.deepEqual(groupsOf(cgroupsPath), [])
  }
})

test('OCI-L20: the owner of a v1 group stays', V1, () => {
  const uidMappings = [{ containerID: 0, hostID: 70000, size: 1000 }]
  const namespaces = ['pid', 'network', 'mount', 'ipc', 'uts', 'user'].map((type) => ({ type }))
  const prepare = (root: string): void => void execFileSync('chown', ['-hR', '70000:70000', root])
  const one = container({ linux: { namespaces, uidMappings, gidMappings: uidMappings } }, { prepare })
  for (const folder of groupsOf(one.bundle.cgroup)) assert.equal(statSync(folder).uid, 0, folder)
})

test('OCI-L21: rules for devices apply in their order', V1, () => {
  const rules = (...list: readonly (readonly [boolean, string, number?, number?])[]): Changes => ({
    devices: list.map(([allow, access, major, minor]) => ({
      allow,
      access,
      ...(major === undefined ? {} : { type: 'c', major, minor }),
    })),
  })
  const misc = readFileSync('/proc/misc', 'utf8').matchAll(/^ *(\d+) (?:fuse|loop-control|autofs)$/gm)
  const [first = 0, second = 0] = [...misc].map((match) => Number(match[1]))
  const devices = [first, second].map((minor) => ({
    path: `/dev/m${minor}`,
    type: 'c',
    major: 10,
    minor,
    fileMode: 0o666,
  }))
  const text = `for each in ${first} ${second}; do (: < /dev/m$each) 2> /dev/null; echo $?; done`
  const ends = (resources: Changes): string => run({ process: script(text), linux: { devices, resources } }).stdout
  assert.equal(ends(rules([false, 'rwm'], [true, 'rwm', 10, first])), '0\n1\n')
  assert.equal(ends(rules([true, 'rwm', 10, first], [false, 'rwm'])), '1\n1\n')
  assert.equal(ends(rules([false, 'rwm'], [true, 'rwm', 10, first], [false, 'rw', 10, first])), '1\n1\n')
})

test('OCI-L22: memory', V1, () => {
  const { read } = limited({ memory: { limit: 64 << 20, reservation: 32 << 20, swappiness: 7 } })
  assert.equal(read('memory', 'memory.limit_in_bytes'), String(64 << 20))
  assert.equal(read('memory', 'memory.soft_limit_in_bytes'), String(32 << 20))
  assert.equal(read('memory', 'memory.swappiness'), '7')
})

test('OCI-L23: no limit of memory', V1, () => {
  const unlimited = readFileSync('/sys/fs/cgroup/memory/memory.limit_in_bytes', 'utf8').trim()
  const { read, id } = limited({ memory: { limit: 64 << 20 } })
  const updated = oci(['update', '--resources', '-', id], { stdin: JSON.stringify({ memory: { limit: -1 } }) })
  assert.equal(updated.status, 0, updated.stderr)
  assert.equal(read('memory', 'memory.limit_in_bytes'), unlimited)
  const other = limited({ memory: { limit: -1 } })
  assert.equal(other.read('memory', 'memory.limit_in_bytes'), unlimited)
})

test('OCI-L24: CPU', V1, () => {
  const { read } = limited({ cpu: { shares: 512, quota: 30000, period: 60000, cpus: '0', mems: '0' } })
  assert.equal(read('cpu', 'cpu.shares'), '512')
  assert.equal(read('cpu', 'cpu.cfs_quota_us'), '30000')
  assert.equal(read('cpu', 'cpu.cfs_period_us'), '60000')
  assert.equal(read('cpuset', 'cpuset.cpus'), '0')
  assert.equal(read('cpuset', 'cpuset.mems'), '0')
})

test('OCI-L25: a burst beyond the quota is refused, another is set', V1, () => {
  refused({ linux: { resources: { cpu: { quota: 30000, period: 60000, burst: 40000 } } } })
  const { read } = limited({ cpu: { quota: 30000, period: 60000, burst: 20000 } })
  assert.equal(read('cpu', 'cpu.cfs_burst_us'), '20000')
})

test('OCI-L26: throttling of devices', V1, () => {
  const { dev } = statSync('/')
  const [major, minor] = [(dev >> 8) & 0xfff, dev & 0xff]
  const limit = (rate: number): readonly Changes[] => [{ major, minor, rate }]
  const { read } = limited({
    blockIO: {
      throttleReadBpsDevice: limit(1_000_001),
      throttleWriteBpsDevice: limit(1_000_002),
      throttleReadIOPSDevice: limit(103),
      throttleWriteIOPSDevice: limit(104),
    },
  })
  assert.equal(read('blkio', 'blkio.throttle.read_bps_device'), `${major}:${minor} 1000001`)
  assert.equal(read('blkio', 'blkio.throttle.write_bps_device'), `${major}:${minor} 1000002`)
  assert.equal(read('blkio', 'blkio.throttle.read_iops_device'), `${major}:${minor} 103`)
  assert.equal(read('blkio', 'blkio.throttle.write_iops_device'), `${major}:${minor} 104`)
})

test('OCI-L27: an entry of weightDevice without a weight is refused', () => {
  refused({ linux: { resources: { blockIO: { weightDevice: [{ major: 8, minor: 0 }] } } } })
})

test('OCI-L28: pids', V1, () => {
  assert.equal(limited({ pids: { limit: 77 } }).read('pids', 'pids.max'), '77')
})

test('OCI-L29: an entry of rdma without a limit is refused', () => {
  refused({ linux: { resources: { rdma: { mlx5_1: {} } } } })
})

test('OCI-L30: a file of a controller that there is not is refused', () => {
  refused({ linux: { resources: { unified: { 'nosuch.max': '1' } } } })
})

test('OCI-L58, OCI-R26: a frozen group is refused, and exec in a paused container', V1, () => {
  const cgroupsPath = `/${uniqueName()}`
  const folder = join('/sys/fs/cgroup/freezer', cgroupsPath)
  mkdirSync(folder)
  undoAfterTest(() => removeGroup(cgroupsPath))
  writeFileSync(join(folder, 'freezer.state'), 'FROZEN')
  const begin = performance.now()
  const outcome = run({ linux: { cgroupsPath }, process: { args: ['/bin/true'] } }, { timeoutMs: 15_000 })
  assert.ok(outcome.status !== null && outcome.status !== 0, `${outcome.status} ${outcome.stderr}`)
  assert.ok(performance.now() - begin < 10_000)
  const one = container()
  one.command(['pause', one.id])
  fails(['exec', one.id, '/bin/true'], { timeoutMs: 15_000 })
})
