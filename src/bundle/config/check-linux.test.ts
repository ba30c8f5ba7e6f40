import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Change, refusal } from './example-config.ts'
import { sysctlFile } from './check-sysctl.ts'

const map = (containerID: number, hostID: number, size: number): object => ({ containerID, hostID, size })
const withUser = (uidMappings: unknown, gidMappings: unknown = [map(0, 1000, 1)]): Change[] => [
  ['/linux/namespaces/5', { type: 'user' }],
  ['/linux/uidMappings', uidMappings],
  ['/linux/gidMappings', gidMappings],
]
const device = (changes: object): unknown => [{ type: 'c', path: '/dev/x', major: 1, minor: 3, ...changes }]

const WRONG: readonly (readonly [pointer: string, value: unknown, message: RegExp])[] = [
  ['namespaces', [{}], /\/0\/type is missing: say one of pid, /],
  ['namespaces', [{ type: 'net' }], /\/0\/type must be one of .*, not "net"/],
  ['namespaces', [{ type: 'pid' }, { type: 'pid', path: '/x' }], /\/1\/type is pid for the second time: keep one$/],
  ['namespaces', [{ type: 'pid', path: 'x' }], /\/0\/path must be an absolute path/],
  ['namespaces', [{ type: 'pid', path: '' }], /\/0\/path must be an absolute path, not ""/],
  ['uidMappings', [map(0, 0, 1)], / needs a user namespace/],
  ['timeOffsets', { monotonic: { secs: 1 } }, / needs a new time namespace/],
  ['timeOffsets', { realtime: {} }, /\/realtime is a clock without an offset/],
  ['timeOffsets', { boottime: { nanosecs: 1_000_000_000 } }, /\/boottime\/nanosecs must be .* 999999999/],
  ['timeOffsets', { boottime: { secs: 9_223_372_037 } }, /\/boottime\/secs must be/],
  ['devices', device({ type: 'x' }), /\/0\/type must be c, b, u or p, not "x"$/],
  ['devices', device({ path: 'dev/x' }), /\/0\/path must be an absolute path/],
  ['devices', device({ major: undefined }), /\/0\/major is missing: a device of type c has major and minor$/],
  ['devices', device({ minor: 0x100000 }), /\/0\/minor must be .* 1048575/],
  ['devices', device({ fileMode: 0o4755 }), /\/0\/fileMode must be permissions alone, not 0o4755/],
  ['devices', device({ fileMode: 0o060666 }), /\/0\/fileMode is the mode of another type of file/],
  ['devices', device({ uid: -1 }), /\/0\/uid must be/],
  ['netDevices', { 'eth0/x': {} }, /\/eth0~1x must be the name of a network interface/],
  ['netDevices', { sixteencharacter: {} }, /\/sixteencharacter must be the name/],
  ['netDevices', { eth0: { name: '..' } }, /\/eth0\/name must be the name/],
  ['netDevices', { eth0: { name: 'a%dx' } }, /\/eth0\/name must be the name .*end in "%d"$/],
  ['netDevices', { eth0: {}, eth1: { name: 'eth0' } }, /\/eth1\/name is "eth0", as another is/],
  ['cgroupsPath', '/a/../b', / must not have "\.\." in it/],
  ['cgroupsPath', 1, / must be text/],
  ['rootfsPropagation', 'none', / must be one of private, .*, not "none"/],
  ['sysctl', { 'kernel.core_pattern': '|/x' }, /\/kernel\.core_pattern is not separate for a container/],
  ['sysctl', { 'kernel.shm_rmid_forced': '1\nkernel.core_pattern=x' }, /\/kernel\.shm_rmid_forced must be one line/],
  ['sysctl', { 'net.ipv4.ip_forward': 1 }, /\/net\.ipv4\.ip_forward must be text, not number: put it in quotes$/],
  ['sysctl', { 'net.ipv4.ip_forward': '' }, /\/net\.ipv4\.ip_forward must not be empty/],
  ['sysctl', { 'net/../kernel/x': '1' }, /\/net~1\.\.~1kernel~1x must name a file below \/proc\/sys/],
  ['sysctl', { 'net..ipv4': '1' }, /must name a file/],
  ['sysctl', { net: '1' }, /\/net is not separate/],
  ['sysctl', { 'user.max_user_namespaces': '0' }, / needs a user namespace, else it would change the host/],
  ['maskedPaths', ['proc/kcore'], /\/0 must be an absolute path/],
  ['readonlyPaths', '/proc', / must be a list/],
  ['mountLabel', 'a"b', / must be an SELinux context/],
  ['personality', {}, /\/domain is missing/],
  ['personality', { domain: 'LINUX64' }, /\/domain must be LINUX or LINUX32, not "LINUX64"/],
  [
    'personality',
    { domain: 'LINUX', flags: ['ADDR_NO_RANDOMIZE'] },
    /\/flags\/0 is "ADDR_NO_RANDOMIZE", but the specification has no flags/,
  ],
  ['intelRdt', { closID: '../x' }, /\/closID must be one directory of resctrl/],
  ['intelRdt', { closID: 'info' }, /\/closID must be one directory/],
  ['intelRdt', { memBwSchema: 'L3:0=1' }, /\/memBwSchema must be a line that begins with MB:/],
  ['intelRdt', { memBwSchema: 'MB:0=1\nMB:1=1' }, /\/memBwSchema must be one line/],
  ['intelRdt', { schemata: ['L3:0=f\nx'] }, /\/schemata\/0 must be one line/],
  ['intelRdt', { enableMonitoring: 1 }, /\/enableMonitoring must be true or false/],
  ['memoryPolicy', {}, /\/mode is missing/],
  ['memoryPolicy', { mode: 'MPOL_BIND' }, /\/nodes is missing: MPOL_BIND needs memory nodes$/],
  ['memoryPolicy', { mode: 'MPOL_LOCAL', nodes: '0' }, /\/nodes must be absent with MPOL_LOCAL/],
  ['memoryPolicy', { mode: 'MPOL_DEFAULT', flags: ['MPOL_F_STATIC_NODES'] }, /\/flags must be empty/],
  ['memoryPolicy', { mode: 'MPOL_BIND', nodes: '0-' }, /\/nodes must be a list of memory nodes/],
  ['memoryPolicy', { mode: 'MPOL_BIND', nodes: '0', flags: null }, /\/flags must be a list, not null/],
  [
    'memoryPolicy',
    { mode: 'MPOL_BIND', nodes: '0', flags: ['MPOL_F_STATIC_NODES', 'MPOL_F_RELATIVE_NODES'] },
    /\/flags must not have both/,
  ],
  [
    'memoryPolicy',
    { mode: 'MPOL_INTERLEAVE', nodes: '0', flags: ['MPOL_F_NUMA_BALANCING'] },
    /\/flags must not have MPOL_F_NUMA_BALANCING with MPOL_INTERLEAVE/,
  ],
]

for (const [key, value, message] of WRONG) {
  test(`parseConfig() refuses /linux/${key} ${JSON.stringify(value)}`, () => {
    const found = refusal([`/linux/${key}`, value])
    assert.match(found, new RegExp(`^/linux/${key}`))
    assert.match(found.slice(`/linux/${key}`.length), message)
  })
}

const RIGHT: readonly Change[] = [
  ['/linux/devices', device({ fileMode: 0o020666, uid: 0 })],
  ['/linux/devices', [{ type: 'p', path: '/pipe' }]],
  ['/linux/netDevices', { eth0: { name: 'net%d' }, eth1: { name: 'net%d' }, eth2: {} }],
  ['/linux/cgroupsPath', 'system.slice:docker:0123'],
  ['/linux/rootfsPropagation', 'rslave'],
  ['/linux/rootfsPropagation', ''],
  [
    '/linux/sysctl',
    {
      'net.ipv4.conf.eth0/1.rp_filter': '1',
      'net/core/somaxconn': '9',
      'kernel.sem': '1 2 3 4',
      'fs.mqueue.msg_max': '1',
    },
  ],
  ['/linux/sysctl', { 'kernel.domainname': 'x' }],
  ['/linux/personality', { domain: 'LINUX32', flags: [] }],
  ['/linux/intelRdt', { closID: '/', schemata: ['L3:0=f'], memBwSchema: 'MB:0=10', enableMonitoring: true }],
  ['/linux/memoryPolicy', { mode: 'MPOL_PREFERRED' }],
  [
    '/linux/memoryPolicy',
    { mode: 'MPOL_BIND', nodes: '0-1,3', flags: ['MPOL_F_NUMA_BALANCING', 'MPOL_F_STATIC_NODES'] },
  ],
]

test('parseConfig() accepts every other value of the Linux section', () => {
  for (const change of RIGHT) assert.equal(refusal(change), 'accepted', JSON.stringify(change))
  const time: Change = ['/linux/namespaces/5', { type: 'time' }]
  assert.equal(
    refusal(time, ['/linux/timeOffsets', { monotonic: { secs: -5, nanosecs: 1 }, boottime: {} }]),
    'accepted',
  )
})

test('parseConfig() wants mappings with a new user namespace, by the rules of the kernel', () => {
  assert.match(refusal(...withUser(undefined)), /^\/linux\/uidMappings is missing: a new user namespace needs mappings/)
  assert.match(refusal(...withUser([map(0, 0, 1)], [])), /^\/linux\/gidMappings is missing/)
  assert.match(refusal(...withUser([map(0, 0, 0)])), /^\/linux\/uidMappings\/0\/size must be a whole number from 1/)
  assert.match(
    refusal(...withUser([map(1, 0, 4294967295)])),
    /^\/linux\/uidMappings\/0\/size must not reach beyond id 4294967294/,
  )
  assert.match(
    refusal(...withUser([map(10, 0, 5), map(0, 100, 11)])),
    /^\/linux\/uidMappings\/0\/containerID is in the range of entry 1 too/,
  )
  assert.match(
    refusal(...withUser([map(0, 7, 5), map(5, 11, 1)])),
    /^\/linux\/uidMappings\/1\/hostID is in the range of entry 0/,
  )
  const many = (count: number): object[] => Array.from({ length: count }, (_, index) => map(index, 2 * index, 1))
  assert.match(refusal(...withUser(many(341))), /^\/linux\/uidMappings must have at most 340 entries/)
  assert.equal(refusal(...withUser(many(340))), 'accepted')
  assert.equal(refusal(...withUser([map(0, 0, 4294967295)])), 'accepted')
  assert.equal(refusal(['/linux/namespaces/5', { type: 'user', path: '/proc/7/ns/user' }]), 'accepted')
})

test('parseConfig() changes nothing of the host for want of a namespace', () => {
  const none: Change = ['/linux/namespaces', []]
  assert.match(
    refusal(none, ['/linux/sysctl', { 'net.core.somaxconn': '1' }]),
    / needs a network namespace, else it would change/,
  )
  assert.match(
    refusal(none, ['/linux/sysctl', { 'kernel.msgmax': '1' }]),
    / needs an ipc namespace, else it would change/,
  )
  assert.match(
    refusal(none, ['/linux/sysctl', { 'kernel.hostname': 'x' }]),
    / needs a uts namespace, else it would change/,
  )
  assert.match(refusal(none, ['/linux/maskedPaths', ['/proc/kcore']]), /^\/linux\/maskedPaths needs a mount namespace/)
  assert.match(refusal(none, ['/linux/netDevices', { eth0: {} }]), /^\/linux\/netDevices needs a network namespace/)
  assert.equal(refusal(none, ['/linux/maskedPaths', []]), 'accepted')
  assert.match(
    refusal(['/hostname', 'x'], ['/linux/sysctl', { 'kernel.hostname': 'y' }]),
    /kernel\.hostname says the same as \/hostname: keep that one$/,
  )
})

test('sysctlFile() reads names as sysctl(8) does', () => {
  assert.equal(sysctlFile('net.ipv4.ip_forward'), 'net/ipv4/ip_forward')
  assert.equal(sysctlFile('net/ipv4/conf/eth0.1/rp_filter'), 'net/ipv4/conf/eth0.1/rp_filter')
  assert.equal(sysctlFile('net.ipv4.conf.eth0/1.rp_filter'), 'net/ipv4/conf/eth0.1/rp_filter')
})
