import assert from 'node:assert/strict'
import { test } from 'node:test'
import { whyDirectoryFailed, whyFailed } from './why-failed.ts'

/** Writes that a Linux 6.1 with cgroup v2 refused with these numbers, and a word of the reason for each. */
const V2: readonly (readonly [file: string, value: string, errno: string, why: RegExp])[] = [
  ['cpu.max', '1', 'EINVAL', /quota 1000 us or more/],
  ['cpu.max', '1000 2000000', 'EINVAL', /period is 1000 to 1000000/],
  ['cpu.max.burst', '500000', 'EINVAL', /at most the quota/],
  ['cpu.weight', '20000', 'ERANGE', /1 to 10000/],
  ['cpu.weight', '100', 'EINVAL', /cpu\.idle/],
  ['cpuset.cpus', '0-99', 'ERANGE', /beyond those/],
  ['cpuset.mems', '9', 'EINVAL', /memory nodes that this machine has/],
  ['pids.max', '-1', 'EINVAL', /4194304/],
  ['pids.max', '99999999999999999999', 'ERANGE', /4194304/],
  ['io.max', '99:0 rbps=1', 'ENODEV', /^99:0 is not a whole block device/],
  ['io.max', '7:0 rbps=0', 'ERANGE', /limit of 0/],
  ['io.bfq.weight', '20000', 'ERANGE', /1 to 1000/],
  ['rdma.max', 'mlx hca_handle=1', 'ENODEV', /RDMA device mlx/],
  ['memory.oom.group', '2', 'EINVAL', /0 or 1/],
  ['memory.max', 'foo', 'EINVAL', /bytes or max/],
  ['cgroup.freeze', '5', 'ERANGE', /0 or 1/],
  ['cgroup.kill', '2', 'ERANGE', /only 1/],
  ['cgroup.procs', '77', 'EBUSY', /groups below it/],
  ['cgroup.procs', '99999', 'ESRCH', /number 99999/],
  ['cgroup.procs', '77', 'EACCES', /delegation containment/],
  ['cgroup.subtree_control', '+pids', 'ENOENT', /^pids is not in cgroup\.controllers/],
  ['cgroup.subtree_control', '+cpu +memory', 'EBUSY', /processes are in the group itself/],
  ['cgroup.subtree_control', '-memory', 'EBUSY', /a group below/],
  ['cgroup.subtree_control', '+foo', 'EINVAL', /^foo is not a controller/],
  ['cgroup.subtree_control', '+memory', 'EOPNOTSUPP', /threaded/],
  ['cgroup.type', 'threaded', 'EOPNOTSUPP', /domain controllers/],
  ['cgroup.type', 'domain', 'EINVAL', /no group becomes a domain again/],
  ['memory.pressure', 'foo', 'EINVAL', /trigger/],
]

/** The same of a Linux 6.18 with cgroup v1. */
const V1: typeof V2 = [
  ['memory.limit_in_bytes', '134217728', 'EINVAL', /may not be above memory\.memsw/],
  ['memory.memsw.limit_in_bytes', '33554432', 'EINVAL', /not below memory\.limit_in_bytes/],
  ['memory.swappiness', '201', 'EINVAL', /0 to 200/],
  ['memory.use_hierarchy', '0', 'EINVAL', /5\.11/],
  ['cgroup.event_control', '9 9', 'EBADF', /eventfd/],
  ['cpu.cfs_quota_us', '1', 'EINVAL', /quota 1000 us or more/],
  ['cpu.cfs_quota_us', '60000', 'EINVAL', /than the group above/],
  ['cpu.shares', '1024', 'EINVAL', /cpu\.idle/],
  ['cpuset.cpus', '1', 'EBUSY', /a group below/],
  ['cpuset.cpus', '', 'ENOSPC', /cannot become empty/],
  ['tasks', '77', 'ENOSPC', /cpuset\.mems/],
  ['blkio.throttle.read_bps_device', '99:0 1000', 'ENODEV', /^99:0 /],
  ['blkio.bfq.weight_device', '254:0 100', 'EOPNOTSUPP', /BFQ/],
  ['freezer.state', 'FREEZING', 'EINVAL', /FROZEN or THAWED/],
  ['devices.allow', 'c 1:3 rwx', 'EINVAL', /rwm/],
  ['devices.allow', 'c 1:3 rwm', 'EPERM', /group above/],
]

test('whyFailed() gives the reason of the kernel for each refusal of this file', () => {
  for (const [file, value, errno, why] of [...V2, ...V1]) {
    assert.match(whyFailed(`/sys/fs/cgroup/g/${file}`, value, errno) ?? '', why, `${file} ${value} ${errno}`)
  }
})

test('whyFailed() says of any file what holds for all, and nothing of what it does not know', () => {
  assert.match(whyFailed('memory.high', '1', 'EACCES') ?? '', /not delegated/)
  assert.match(whyFailed('memory.high', '1', 'ENODEV') ?? '', /removed/)
  assert.match(whyFailed('some.file', '1', 'ENOENT') ?? '', /controller is not enabled/)
  assert.equal(whyFailed('cpu.max', '1', 'EXDEV'), undefined)
})

test('whyDirectoryFailed() tells why a group cannot be made or removed', () => {
  assert.match(whyDirectoryFailed('mkdir', 'EAGAIN') ?? '', /cgroup\.max\.descendants/)
  assert.match(whyDirectoryFailed('mkdir', 'ENOMEM') ?? '', /at its limit/)
  assert.match(whyDirectoryFailed('rmdir', 'EBUSY') ?? '', /processes or groups/)
  assert.equal(whyDirectoryFailed('rmdir', 'ENOMEM'), undefined)
})

test('reasons go on from "because": they begin small and end without a period', () => {
  for (const [file, value, errno] of [...V2, ...V1]) {
    const reason = whyFailed(file, value, errno) ?? ''
    assert.match(reason, /^[a-z0-9](.*[^.])?$/, reason)
  }
})
