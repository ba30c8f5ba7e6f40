import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Config, User } from '../../bundle/spec.ts'
import { parsed } from '../container-json/example-document.ts'
import { fromOci } from './from-oci.ts'
import { type OciFacts, toOci } from './to-oci.ts'

const ROOT: OciFacts = { arch: 'x64', args: ['sh'], user: { uid: 0, gid: 0, groups: [] } }
const oci = (fields: object, facts: Partial<OciFacts> = {}): Config =>
  toOci(parsed(fields as never), { ...ROOT, ...facts })
const mountAt = (config: Config, place: string) => config.mounts?.findLast(({ destination }) => destination === place)

test('L16: toOci() gives the environment of the configuration and nothing else', () => {
  assert.deepEqual(oci({ environment: ['A=1'] }).process?.env, ['A=1'])
  assert.deepEqual(oci({}).process?.env, [])
})

test('L19, L51, D-L01: toOci() keeps capabilities in three sets, and in all five those that are ambient', () => {
  const capabilities = ['SETUID', 'NET_BIND_SERVICE']
  const all = ['CAP_SETUID', 'CAP_NET_BIND_SERVICE']
  const kept = { bounding: all, permitted: all, effective: all }
  assert.deepEqual(oci({ capabilities }).process?.capabilities, kept)
  const one = ['CAP_NET_BIND_SERVICE']
  assert.deepEqual(oci({ capabilities, ambient_capabilities: ['NET_BIND_SERVICE'] }).process?.capabilities, {
    ...kept,
    inheritable: one,
    ambient: one,
  })
  assert.deepEqual(oci({}).process?.capabilities, { bounding: [], permitted: [], effective: [] })
})

test('L14: toOci() gives the process its user with all groups', () => {
  const user = { uid: 1, gid: 2, groups: [4, 9] }
  assert.deepEqual(oci({ additional_groups: [44] }, { user }).process?.user, {
    uid: 1,
    gid: 2,
    umask: 0o022,
    additionalGids: [4, 9, 44],
  })
})

test('L21, D-L16: toOci() asks for a group below that of the caller unless parent is absolute, and for a scope with a slice', () => {
  const path = (cgroups: object) => oci({ cgroups }).linux?.cgroupsPath
  assert.equal(path({ name: 'docker-koye', parent: 'docker' }), 'docker/docker-koye')
  assert.equal(path({ name: 'a', parent: '/docker' }), '/docker/a')
  assert.equal(path({ name: 'a', parent: '/' }), '/a')
  assert.equal(path({ name: 'a' }), 'a')
  assert.equal(path({ name: 'a', parent: 'docker', slice: 'x.slice' }), 'x.slice:docker:a')
  assert.equal(path({}), undefined)
})

test('L21, D-L02: toOci() passes limits on, memory_swap among them', () => {
  const cgroups = { memory: 1000, memory_swap: 1500, cpu_shares: 512, cpuset_cpus: '0' }
  const { memory, cpu } = oci({ cgroups }).linux!.resources!
  assert.deepEqual(memory, { limit: 1000, swap: 1500 })
  assert.deepEqual(cpu, { shares: 512, cpus: '0' })
  assert.deepEqual(oci({ cgroups: { memory: 1000 } }).linux?.resources?.memory, { limit: 1000, swap: 2000 })
})

test('L23: toOci() binds recursively, read-only with everything below, unless it is told otherwise', () => {
  const bind = { type: 'bind', source: '/srv', destination: '/data' }
  assert.deepEqual(mountAt(oci({ mounts: [bind] }), '/data')?.options, ['rbind', 'rro'])
  assert.deepEqual(mountAt(oci({ mounts: [{ ...bind, writable: true, private: true }] }), '/data')?.options, [
    'rbind',
    'rprivate',
  ])
})

test('toOci() mounts what a container needs, neither /run nor a queue of the host, and what is asked for last', () => {
  const places = (fields: object) => oci(fields).mounts!.map(({ destination }) => destination)
  const own = ['/proc', '/dev', '/dev/pts', '/dev/shm', '/dev/mqueue', '/sys']
  assert.deepEqual(places({ mounts: [{ type: 'tmpfs', destination: '/tmp' }] }), [...own, '/tmp'])
  assert.deepEqual(
    places({ namespaces: { NEWNS: true } }),
    own.filter((place) => place !== '/dev/mqueue'),
  )
})

test('D-L07: toOci() makes the new mount of /sys read-only, and binds it where none can be made', () => {
  const shared = oci({ namespaces: { NEWNS: true } })
  assert.deepEqual(mountAt(shared, '/sys'), {
    destination: '/sys',
    type: 'sysfs',
    source: 'sysfs',
    options: ['nosuid', 'noexec', 'nodev', 'ro'],
  })
  const range = [{ host_id: 100000, size: 65536 }]
  const user = oci({ namespaces: { NEWNS: true, NEWUSER: true }, uid_mappings: range, gid_mappings: range })
  assert.deepEqual(mountAt(user, '/sys')?.options?.slice(0, 2), ['rbind', 'rro'])
})

test('D-L06, D-L17: toOci() restricts without being asked: masked and read-only paths, seccomp, no_new_privs', () => {
  const { linux, process } = oci({})
  for (const path of ['/proc/sys', '/proc/sysrq-trigger', '/proc/irq', '/proc/bus'])
    assert.ok(linux?.readonlyPaths?.includes(path))
  assert.ok(linux?.maskedPaths?.includes('/proc/kcore'))
  assert.equal(linux?.seccomp?.defaultAction, 'SCMP_ACT_ERRNO')
  assert.equal(process?.noNewPrivileges, true)
  const open = oci({ restrict_sys: false, seccomp: 'unconfined', no_new_privileges: false })
  assert.deepEqual(
    [open.linux?.readonlyPaths, open.linux?.maskedPaths, open.linux?.seccomp],
    [undefined, undefined, undefined],
  )
  assert.equal(open.process?.noNewPrivileges, undefined)
})

test('L57, D-L17: toOci() allows no making of nodes but of those that the container has', () => {
  const header = [
    { allow: false, access: 'rwm' },
    { allow: false, type: 'c', access: 'm' },
    { allow: false, type: 'b', access: 'm' },
  ]
  assert.deepEqual(oci({}).linux?.resources?.devices, header)
  const fuse = { type: 'c', path: '/dev/fuse', major_number: 10, minor_number: 229 }
  const making = { allow: true, type: 'c', major: 10, minor: 229, access: 'm' }
  assert.deepEqual(oci({ mount_config: { device_nodes: [fuse] } }).linux?.resources?.devices, [...header, making])
  const allowed = [{ type: 'c', major_number: 136, minor_number: -1, cgroup_permissions: 'rw' }]
  assert.deepEqual(oci({ cgroups: { allowed_devices: allowed } }).linux?.resources?.devices, [
    ...header,
    { allow: true, type: 'c', major: 136, access: 'rw' },
  ])
  assert.deepEqual(oci({ cgroups: { allow_all_devices: true } }).linux?.resources?.devices, [
    { allow: true, access: 'rwm' },
  ])
})

test('L13: toOci() makes the root a slave of the host with no_pivot_root, and private without', () => {
  assert.equal(oci({}).linux?.rootfsPropagation, 'private')
  assert.equal(oci({ no_pivot_root: true }).linux?.rootfsPropagation, 'slave')
})

test('D-L09: toOci() refuses NEWUSER of root without id maps, and maps an ordinary user to root', () => {
  const namespaces = { NEWNS: true, NEWUSER: true }
  assert.throws(
    () => oci({ namespaces }),
    /\/uid_mappings is missing: NEWUSER needs .* add uid_mappings and gid_mappings/,
  )
  const rootless = { uid: 1000, gid: 1001 }
  const { linux, mounts } = oci({ namespaces }, { rootless })
  assert.deepEqual(linux?.uidMappings, [{ containerID: 0, hostID: 1000, size: 1 }])
  assert.deepEqual(linux?.gidMappings, [{ containerID: 0, hostID: 1001, size: 1 }])
  assert.equal(linux?.resources, undefined)
  assert.ok(!mounts?.some(({ options }) => options?.includes('gid=5')))
  assert.throws(() => oci({}, { rootless }), /\/namespaces must have NEWUSER/)
})

test('fromOci() believes a name for as long as the numbers are those of the process', () => {
  const config = oci({ user: 'daemon', additional_groups: [44] }, { user: { uid: 1, gid: 2, groups: [4] } })
  const back = (user: Partial<User>) =>
    fromOci({ ...config, process: { ...config.process!, user: { ...config.process!.user!, ...user } } }, ROOT).config
  assert.deepEqual([back({}).user, back({}).additionalGroups], ['daemon', [44]])
  assert.deepEqual([back({ uid: 5 }).user, back({ uid: 5 }).additionalGroups], ['5:2', [4, 44]])
  assert.equal(back({ additionalGids: [9] }).user, '1:2')
})

test('fromOci() says what is lost, and refuses what container.json has no form for', () => {
  const config = oci({})
  const changed: Config = {
    ...config,
    domainname: 'x',
    linux: { ...config.linux!, sysctl: { 'net.core.somaxconn': '1' } },
  }
  assert.deepEqual(fromOci(changed, ROOT).notes, [
    '/linux/sysctl has no counterpart and is left out',
    '/domainname has no counterpart and is left out',
  ])
  const hosts = { ...config, linux: { ...config.linux!, namespaces: [] } }
  assert.throws(() => fromOci(hosts, ROOT), /^InvalidInputError: \/namespaces must have NEWNS/)
})
