import assert from 'node:assert/strict'
import { test } from 'node:test'
import { CAPABILITIES } from '../../linux/tables/capabilities.ts'
import { defaultContainer } from './default-container.ts'
import { parsed, refusal } from './example-document.ts'
import { formatContainerJson } from './format-container-json.ts'
import { parseContainerJson } from './parse-container-json.ts'
import { getCapability } from './read-capabilities.ts'
import { getNamespace } from './read-namespaces.ts'

test('L11, L12, L13, L14, L15, L16, L17: parseContainerJson() reads the fields of a process and of its root', () => {
  const config = parsed({
    hostname: 'koye',
    readonly_fs: true,
    no_pivot_root: true,
    user: 'daemon:adm',
    working_dir: '/srv//./www',
    environment: ['A=1', 'B=x=y', 'C='],
    tty: true,
  })
  assert.equal(config.hostname, 'koye')
  assert.deepEqual([config.readonlyFs, config.noPivotRoot, config.tty], [true, true, true])
  assert.deepEqual([config.user, config.workingDir], ['daemon:adm', '/srv/www'])
  assert.deepEqual(config.environment, ['A=1', 'B=x=y', 'C='])
})

test('parseContainerJson() takes what is empty for absent, as the Go program wrote it', () => {
  const empty = { hostname: '', user: '', working_dir: '', cgroups: { memory: 0, cpuset_cpus: '', freezer: '' } }
  assert.deepEqual(parsed({ ...empty, context: {}, mount_config: {} }), parsed())
})

test('L16: parseContainerJson() refuses an entry of the environment without "="', () => {
  assert.match(
    refusal({ environment: ['A=1', 'PATH'] }),
    /^\/environment\/1 must be NAME=VALUE, not "PATH": .*write the value$/,
  )
  assert.match(refusal({ environment: ['=x'] }), /^\/environment\/0 must be NAME=VALUE/)
})

test('D-L19: parseContainerJson() says what is wrong in the sample of 2014: PATH within PATH, and a loopback address with /0', () => {
  assert.match(
    refusal({ environment: ['PATH=PATH=$PATH:/bin:/usr/bin'] }),
    /^\/environment\/0 sets PATH to a text that begins with PATH=.*"PATH=\$PATH/,
  )
  const whole = refusal({ networks: [{ type: 'loopback', address: '127.0.0.1/0' }] })
  assert.match(whole, /^\/networks\/0\/address must not have \/0, .*: write 127\.0\.0\.1\/8$/)
  assert.match(
    refusal({ networks: [{ type: 'loopback', gateway: 'localhost' }] }),
    /^\/networks\/0\/gateway says nothing .*take it out$/,
  )
})

test('L18: parseContainerJson() reads namespaces from a map and from a list, in one order', () => {
  const map = { NEWPID: true, NEWUSER: false, NEWNS: true, NEWNET: true }
  const list = [{ type: 'NEWNET' }, { type: 'NEWNS' }, { type: 'NEWPID', path: '' }]
  assert.deepEqual(parsed({ namespaces: map }).namespaces, [{ type: 'NEWNS' }, { type: 'NEWPID' }, { type: 'NEWNET' }])
  assert.deepEqual(parsed({ namespaces: list }), parsed({ namespaces: map }))
  const joined = [{ type: 'NEWNS' }, { type: 'NEWIPC', path: '/proc/1/ns/ipc' }]
  assert.deepEqual(parsed({ namespaces: joined }).namespaces, joined)
})

test('D-L10: parseContainerJson() refuses unknown namespaces, capabilities and keys, and names the nearest', () => {
  assert.equal(
    refusal({ namespaces: { NEWNS: true, NEWUTC: true } }),
    '/namespaces/NEWUTC is no namespace that container.json knows: "NEWUTC": did you mean NEWUTS?',
  )
  assert.match(refusal({ namespaces: [{ type: 'newns' }] }), /^\/namespaces\/0\/type .*did you mean NEWNS\?$/)
  assert.match(
    refusal({ capabilities: ['KILL', 'SYS_ADMN'] }),
    /^\/capabilities\/1 is no capability: "SYS_ADMN": did you mean SYS_ADMIN\?$/,
  )
  assert.match(refusal({ host_name: 'x' }), /^\/host_name is no field of container\.json: did you mean hostname\?$/)
  assert.match(refusal({ Hostname: 'x' }), /^\/Hostname is no field of container\.json: did you mean hostname\?$/)
  assert.match(refusal({ cgroups: { memry: 1 } }), /^\/cgroups\/memry is no field .*memory/)
  assert.match(refusal({ context: { 'a/b': 'x' } }), /^\/context\/a~1b is no field of container\.json/)
  assert.match(refusal({ networks: [{ type: 'vethh' }] }), /^\/networks\/0\/type must be .*veth/)
})

test('L18, L51, D-L10: lookups find every name, and refuse what is none', () => {
  assert.equal(getNamespace('NEWNET', '/x'), 'NEWNET')
  assert.equal(getCapability('MKNOD', '/x'), 'CAP_MKNOD')
  assert.equal(getCapability('CAP_MKNOD', '/x'), 'CAP_MKNOD')
  for (const none of ['', 'NET', 'CLONE_NEWNET', null])
    assert.throws(() => getNamespace(none, '/x'), /^InvalidInputError: \/x is no namespace/)
  for (const none of ['', 'mknod', 'CAP_', 'CAP_CAP_MKNOD'])
    assert.throws(() => getCapability(none, '/x'), /^InvalidInputError: \/x is no capability/)
})

test('L19, L51: parseContainerJson() knows the 41 capabilities of today, keeps those that are named, and none by default', () => {
  const names = Object.keys(CAPABILITIES.values)
  assert.equal(names.length, 41)
  assert.deepEqual(parsed({ capabilities: names.map((name) => name.slice(4)) }).capabilities, names)
  assert.deepEqual(parsed({ capabilities: ['SETUID', 'CHOWN', 'SETUID', 'CAP_CHOWN'] }).capabilities, [
    'CAP_CHOWN',
    'CAP_SETUID',
  ])
  assert.deepEqual(parsed().capabilities, [])
  assert.match(refusal({ ambient_capabilities: ['CHOWN'] }), /^\/ambient_capabilities has CHOWN, which is not kept/)
})

test('D-L09: parseContainerJson() reads id maps, and refuses them without NEWUSER or without each other', () => {
  const range = [{ host_id: 100000, size: 65536 }]
  const namespaces = { NEWNS: true, NEWUSER: true }
  const { uidMappings } = parsed({ namespaces, uid_mappings: range, gid_mappings: range })
  assert.deepEqual(uidMappings, [{ containerId: 0, hostId: 100000, size: 65536 }])
  assert.match(refusal({ uid_mappings: range }), /^\/uid_mappings needs a user namespace: add NEWUSER/)
  assert.match(refusal({ namespaces, uid_mappings: range }), /^\/gid_mappings is missing beside uid_mappings/)
  assert.match(
    refusal({ namespaces, uid_mappings: [{ size: 0 }], gid_mappings: range }),
    /^\/uid_mappings\/0\/size is missing/,
  )
  const twice = [...range, { container_id: 65_536, host_id: 165_535, size: 9 }]
  assert.match(refusal({ namespaces, uid_mappings: twice }), /^\/uid_mappings\/1 has ids that entry 0 has too/)
  assert.match(
    refusal({ namespaces, uid_mappings: [{ size: 2 ** 32 }] }),
    /^\/uid_mappings\/0\/size must be a whole number/,
  )
})

test('L20: parseContainerJson() reads networks, with their context or with fields of their own', () => {
  const later = {
    type: 'veth',
    bridge: 'br0',
    veth_prefix: 'vnet',
    address: '10.1.0.2/16',
    gateway: '10.1.0.1',
    mtu: 1400,
  }
  const { bridge, veth_prefix: prefix, ...rest } = later
  const [network] = parsed({ networks: [later] }).networks
  assert.deepEqual(network, {
    type: 'veth',
    name: 'eth0',
    bridge,
    vethPrefix: prefix,
    address: '10.1.0.2/16',
    gateway: '10.1.0.1',
    mtu: 1400,
  })
  assert.deepEqual(parsed({ networks: [{ ...rest, context: { bridge, prefix } }] }), parsed({ networks: [later] }))
  assert.match(
    refusal({ networks: [{ ...later, context: { bridge: 'br1' } }] }),
    /^\/networks\/0\/context\/bridge is "br1", but \/networks\/0\/bridge, .* is "br0": keep one$/,
  )
  assert.match(refusal({ networks: [rest] }), /^\/networks\/0\/bridge is missing/)
  assert.match(refusal({ networks: [{ ...later, address: '10.1.0.2' }] }), /^\/networks\/0\/address has no length/)
  assert.match(
    refusal({ networks: [{ ...later, address: '10.1.0.256/16' }] }),
    /^\/networks\/0\/address must be an IPv4/,
  )
  assert.match(
    refusal({ networks: [{ ...later, address: '::1/64' }] }),
    /^\/networks\/0\/address must be an address of IPv4/,
  )
  assert.match(
    refusal({ networks: [later, { ...later, name: 'eth0' }] }),
    /^\/networks\/1 makes the interface eth0 for the second time/,
  )
  assert.deepEqual(
    parsed({ networks: [later, later] }).networks.map((each) => each.type === 'veth' && each.name),
    ['eth0', 'eth1'],
  )
})

test('L20: parseContainerJson() reads IPv6, hardware addresses and queues in canonical form', () => {
  const given = {
    type: 'veth',
    bridge: 'b',
    mac_address: '02:42:AC:11:00:02',
    ipv6_address: '2001:DB8:0::2/64',
    ipv6_gateway: '2001:db8::01',
    txqueuelen: 500,
    create_bridge: true,
  }
  assert.deepEqual(parsed({ networks: [given] }).networks[0], {
    type: 'veth',
    name: 'eth0',
    bridge: 'b',
    createBridge: true,
    vethPrefix: 'veth',
    macAddress: '02:42:ac:11:00:02',
    ipv6Address: '2001:db8::2/64',
    ipv6Gateway: '2001:db8::1',
    txQueueLength: 500,
  })
})

test('L20: parseContainerJson() configures no network but a new one of the container', () => {
  const networks = [{ type: 'loopback' }]
  assert.match(
    refusal({ namespaces: { NEWNS: true }, networks }),
    /^\/networks would change the network of the host: add NEWNET/,
  )
  const net = [{ type: 'NEWNS' }, { type: 'NEWNET', path: '/run/netns/a' }]
  assert.match(refusal({ namespaces: net, networks }), /^\/networks would change the network of others/)
  const netns = { type: 'netns', context: { nspath: '/run/netns/a' } }
  const joined = parsed({ networks: [netns] })
  assert.deepEqual(joined.networks, [{ type: 'netns', nsPath: '/run/netns/a' }])
  assert.ok(!joined.namespaces.some(({ type }) => type === 'NEWNET'))
  assert.match(refusal({ networks: [netns, ...networks] }), /^\/networks\/0 joins a network that is set up already/)
  assert.match(
    refusal({ namespaces: [{ type: 'NEWNS' }, { type: 'NEWNET', path: '/b' }], networks: [netns] }),
    /^\/namespaces must not join \/b/,
  )
})

test('L20: parseContainerJson() reads routes, and refuses those that lead nowhere', () => {
  const networks = [{ type: 'veth', bridge: 'b', address: '10.0.0.2/24' }]
  const route = { destination: '192.168.0.0/16', source: '10.0.0.2/24', gateway: '10.0.0.1', interface_name: 'eth0' }
  assert.deepEqual(parsed({ networks, routes: [route] }).routes, [
    { destination: '192.168.0.0/16', source: '10.0.0.2', gateway: '10.0.0.1', interfaceName: 'eth0' },
  ])
  const refused = (changes: object) => refusal({ networks, routes: [{ ...route, ...changes }] })
  assert.match(refused({ destination: '192.168.0.1/16' }), /^\/routes\/0\/destination .*write 192\.168\.0\.0\/16$/)
  assert.match(refused({ gateway: '::1' }), /^\/routes\/0 has addresses of IPv4 and of IPv6/)
  assert.match(
    refused({ interface_name: 'eth1' }),
    /^\/routes\/0\/interface_name is eth1, which no entry of networks makes: use eth0$/,
  )
  assert.match(refusal({ networks, routes: [{ interface_name: 'eth0' }] }), /^\/routes\/0 leads nowhere/)
})

test('L21, D-L02: parseContainerJson() honours memory_swap: its own value, -1 for no limit, and twice the memory without one', () => {
  const swap = (cgroups: object) => parsed({ cgroups }).cgroups.memorySwap
  assert.equal(swap({ memory: 1000, memory_swap: 1500 }), 1500)
  assert.equal(swap({ memory: 1000, memory_swap: -1 }), -1)
  assert.equal(swap({ memory: 1000 }), 2000)
  assert.equal(swap({}), undefined)
  assert.match(
    refusal({ cgroups: { memory: 1000, memory_swap: 999 } }),
    /^\/cgroups\/memory_swap must be at least memory.*make it 1000/,
  )
  assert.match(refusal({ cgroups: { memory_swap: 999 } }), /^\/cgroups\/memory_swap limits memory and swap together/)
})

test('L21: parseContainerJson() reads limits, and where the group is', () => {
  const cgroups = {
    name: 'docker-koye',
    parent: '/docker//a/',
    memory_reservation: 4096,
    cpu_shares: 512,
    cpu_quota: 50_000,
    cpu_period: 100_000,
    cpuset_cpus: '0-1',
    cpuset_mems: '0',
    freezer: 'FROZEN',
  }
  assert.deepEqual(parsed({ cgroups }).cgroups, {
    name: 'docker-koye',
    parent: '/docker/a',
    allowAllDevices: false,
    allowedDevices: [],
    memoryReservation: 4096,
    cpuShares: 512,
    cpuQuota: 50_000,
    cpuPeriod: 100_000,
    cpusetCpus: '0-1',
    cpusetMems: '0',
    freezer: 'FROZEN',
  })
  assert.match(refusal({ cgroups: { parent: 'docker' } }), /^\/cgroups\/name is missing: parent alone/)
  assert.match(refusal({ cgroups: { name: '..' } }), /^\/cgroups\/name must be the name of a group/)
  for (const wrong of [{ name: 'tasks' }, { name: 'a', parent: '/docker/cgroup.procs' }]) {
    assert.match(
      refusal({ cgroups: wrong }),
      /^\/cgroups\/(?:name|parent) must not look like a file that the kernel has/,
    )
  }
  assert.match(refusal({ cgroups: { name: 'a', parent: 'b/../..' } }), /^\/cgroups\/parent must be the name of a group/)
  assert.match(refusal({ cgroups: { name: 'a', slice: 'x' } }), /^\/cgroups\/slice must be a slice of systemd/)
  assert.match(refusal({ cgroups: { freezer: 'frozen' } }), /^\/cgroups\/freezer must be FROZEN or THAWED/)
  assert.match(refusal({ cgroups: { cpuset_cpus: '0..3' } }), /^\/cgroups\/cpuset_cpus must be a list of numbers/)
})

test('L21, L42: parseContainerJson() reads devices with types as letters and as the numbers of Go', () => {
  const fuse = {
    type: 99,
    path: '/dev/fuse',
    major_number: 10,
    minor_number: 229,
    cgroup_permissions: 'mwr',
    file_mode: 8630,
  }
  const config = parsed({
    cgroups: { allowed_devices: [fuse, { type: 'b', major_number: -1, minor_number: -1, cgroup_permissions: 'm' }] },
    mount_config: { device_nodes: [fuse] },
  })
  assert.deepEqual(config.cgroups.allowedDevices, [
    { type: 'c', major: 10, minor: 229, permissions: 'rwm' },
    { type: 'b', major: -1, minor: -1, permissions: 'm' },
  ])
  assert.deepEqual(config.deviceNodes, [
    { type: 'c', path: '/dev/fuse', major: 10, minor: 229, fileMode: 0o666, uid: 0, gid: 0 },
  ])
  assert.equal(parsed({ cgroups: { device_access: true } }).cgroups.allowAllDevices, true)
  assert.match(
    refusal({ cgroups: { device_access: true, allow_all_devices: false } }),
    /^\/cgroups\/allow_all_devices is false, but .*keep one$/,
  )
  assert.match(
    refusal({ cgroups: { allowed_devices: [{ type: 'x' }] } }),
    /^\/cgroups\/allowed_devices\/0\/type must be "c" \(99\) or "b" \(98\)/,
  )
  assert.match(
    refusal({ mount_config: { device_nodes: [{ ...fuse, file_mode: 0o4755 }] } }),
    /file_mode must be permissions/,
  )
})

test('L22, D-L17: parseContainerJson() reads the context, and restricts unless it is told not to', () => {
  const context = { apparmor_profile: 'docker-default', process_label: 'u:r:t', mount_label: 'u:o:t' }
  const config = parsed({ context })
  assert.deepEqual(
    [config.apparmorProfile, config.processLabel, config.mountLabel],
    ['docker-default', 'u:r:t', 'u:o:t'],
  )
  const later = { apparmor_profile: 'docker-default', process_label: 'u:r:t', mount_config: { mount_label: 'u:o:t' } }
  assert.deepEqual(parsed(later), config)
  assert.deepEqual([config.restrictions, config.seccomp, config.noNewPrivileges], ['default', 'default', true])
  for (const off of [{ context: { restrictions: 'none' } }, { restrict_sys: false }])
    assert.equal(parsed(off).restrictions, 'none')
  for (const on of [{ context: { restrictions: 'true' } }, { restrict_sys: true }, {}])
    assert.equal(parsed(on).restrictions, 'default')
  assert.match(
    refusal({ context: { restrictions: 'none' }, restrict_sys: true }),
    /^\/restrict_sys is true, but \/context\/restrictions/,
  )
  assert.match(refusal({ context: { restrictions: 'some' } }), /^\/context\/restrictions must be "true" or "none"/)
})

test('L23: parseContainerJson() reads mounts of both generations, read-only unless they say otherwise', () => {
  const mounts = [
    { type: 'devtmpfs' },
    { type: 'bind', source: '/srv', destination: '/data/' },
    { type: 'bind', source: 'conf', destination: '/etc/conf', writable: true, private: true },
    { type: 'tmpfs', destination: '/tmp' },
  ]
  const expected = [
    { type: 'bind', source: '/srv', destination: '/data', writable: false, private: false },
    { type: 'bind', source: 'conf', destination: '/etc/conf', writable: true, private: true },
    { type: 'tmpfs', source: '', destination: '/tmp', writable: true, private: false },
  ]
  assert.deepEqual(parsed({ mounts }).mounts, expected)
  assert.deepEqual(parsed({ mount_config: { mounts } }).mounts, expected)
  assert.match(
    refusal({ mounts, mount_config: { mounts } }),
    /^\/mount_config\/mounts is there, but \/mounts, .*keep one$/,
  )
  assert.match(refusal({ mounts: [{ type: 'nfs' }] }), /^\/mounts\/0\/type must be /)
  assert.match(refusal({ mounts: [{ type: 'bind', destination: '/a' }] }), /^\/mounts\/0\/source is missing/)
  assert.match(
    refusal({ mounts: [{ type: 'bind', source: '/a', destination: '/../a' }] }),
    /^\/mounts\/0\/destination must not have "\.\."/,
  )
  assert.match(
    refusal({ mounts: [{ type: 'bind', source: '/a', destination: '/a', relabel: 'Z' }] }),
    /^\/mounts\/0\/relabel would change labels .*chcon -R/,
  )
})

test('parseContainerJson() reads limits of resources by name and by number, to the last digit', () => {
  const limit = { soft: 1024, hard: 18446744073709551615n }
  const expected = [{ type: 'RLIMIT_NOFILE', ...limit }]
  for (const type of [7, 'NOFILE', 'RLIMIT_NOFILE'])
    assert.deepEqual(parsed({ rlimits: [{ type, ...limit }] }).rlimits, expected)
  assert.match(refusal({ rlimits: [{ type: 'NOFILES', ...limit }] }), /^\/rlimits\/0\/type must be a resource.*NOFILE/)
  assert.match(refusal({ rlimits: [{ type: 7, soft: 2, hard: 1 }] }), /^\/rlimits\/0\/soft must not be above hard/)
  assert.match(
    refusal({
      rlimits: [
        { type: 7, ...limit },
        { type: 'NOFILE', ...limit },
      ],
    }),
    /^\/rlimits\/1\/type is RLIMIT_NOFILE for the second time/,
  )
})

test('parseContainerJson() refuses what would change the host, and contradictions of the generations', () => {
  assert.match(refusal({ namespaces: { NEWPID: true } }), /^\/namespaces must have NEWNS/)
  assert.match(refusal({ namespaces: { NEWNS: true }, hostname: 'x' }), /^\/hostname would be the host’s: add NEWUTS/)
  assert.match(
    refusal({ namespaces: [{ type: 'NEWNS', path: '/proc/1/ns/mnt' }] }),
    /^\/namespaces\/0\/path would change the mounts of others/,
  )
  assert.match(
    refusal({ readonly_fs: false, mount_config: { readonly_fs: true } }),
    /^\/mount_config\/readonly_fs is true, but \/readonly_fs/,
  )
  assert.match(refusal({ root_fs: '/a', rootfs: '/b' }), /^\/rootfs is "\/b", but \/root_fs/)
  assert.equal(parsed({ root_fs: '/a', rootfs: '/a' }).rootFs, '/a')
})

test('formatContainerJson() writes what parseContainerJson() reads', () => {
  assert.deepEqual(parseContainerJson(formatContainerJson(defaultContainer())), defaultContainer())
})
