import { NAMESPACE_NAMES } from '../../src/nsinit/container-json/container-config.ts'
import { CAPABILITIES } from '../../src/linux/tables/capabilities.ts'

/** The same choices for the same seed (Mulberry32). */
export function choices(seed: number) {
  let state = seed
  const next = (): number => {
    state = (state + 0x6d2b79f5) | 0
    let mixed = Math.imul(state ^ (state >>> 15), 1 | state)
    mixed = (mixed + Math.imul(mixed ^ (mixed >>> 7), 61 | mixed)) ^ mixed
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  const whole = (least: number, most: number): number => least + Math.floor(next() * (most - least + 1))
  const coin = (): boolean => next() < 0.5
  return {
    whole,
    coin,
    one: <T>(...of: readonly T[]): T => of[whole(0, of.length - 1)] as T,
    some: <T>(of: readonly T[]): T[] => of.filter(coin),
    list: <T>(most: number, make: (index: number) => T): T[] =>
      Array.from({ length: whole(0, most) }, (_, i) => make(i)),
    /** Some of the fields of an object */
    fields: (of: Readonly<Record<string, unknown>>): Record<string, unknown> =>
      Object.fromEntries(Object.entries(of).filter(coin)),
  }
}

type Choices = ReturnType<typeof choices>

/** A container.json of any fields, right in itself, in the older form or in the later one. */
export function randomDocument(seed: number): Record<string, unknown> {
  const c = choices(seed)
  const isLater = c.coin()
  const names = new Set<string>(['NEWNS', ...c.some(NAMESPACE_NAMES)])
  const networks = randomNetworks(c, names)
  const capabilities = c.some(Object.keys(CAPABILITIES.values)).map((name) => (c.coin() ? name : name.slice(4)))
  return {
    ...c.fields({
      root_fs: c.one('rootfs', '/srv/root', '.'),
      user: c.one('root', 'daemon', '1000', '1000:1000', 'daemon:adm', '4294967294'),
      additional_groups: c.list(3, () => c.whole(0, 70_000)),
      working_dir: c.one('/', '/srv', '/a b'),
      environment: c.list(4, (index) => `V${index}=${c.one('', '=', 'a b', 'line\nbreak', '"quoted"', 'ü')}`),
      tty: c.coin(),
      capabilities,
      no_new_privileges: c.coin(),
      seccomp: c.one('default', 'unconfined'),
      rlimits: c
        .some(['NOFILE', 'RLIMIT_CORE', 1])
        .map((type) => ({ type, soft: c.whole(0, 9), hard: c.one<number | bigint>(10, 2n ** 64n - 1n) })),
      cgroups: randomCgroups(c),
    }),
    ...(names.has('NEWUTS') && c.coin() && { hostname: c.one('koye', 'a.b') }),
    namespaces: randomNamespaces(c, names, networks.length > 0),
    ...(names.has('NEWUSER') && randomMappings(c)),
    networks,
    routes: randomRoutes(c, networks),
    ...randomSecurity(c, isLater),
    ...randomRoot(c, isLater),
  }
}

function randomNamespaces(c: Choices, names: ReadonlySet<string>, isNetworkNew: boolean): unknown {
  if (c.coin()) return Object.fromEntries([...names].map((name) => [name, true]))
  const mayJoin = (name: string): boolean =>
    !['NEWNS', 'NEWUSER'].includes(name) && !(name === 'NEWNET' && isNetworkNew)
  return [...names].map((type) => ({ type, ...(mayJoin(type) && c.coin() && { path: `/run/ns/${type}` }) }))
}

/** Changes the set of namespaces to what the networks need. */
function randomNetworks(c: Choices, names: Set<string>): object[] {
  const kind = c.one('none', 'joined', 'made', 'made')
  if (kind === 'none') return []
  if (kind === 'joined') {
    names.delete('NEWNET')
    return [c.one({ type: 'netns', ns_path: '/run/netns/a' }, { type: 'netns', context: { nspath: '/run/netns/a' } })]
  }
  names.add('NEWNET')
  const loopback = { type: 'loopback', ...c.fields({ address: '127.0.0.1/8', mtu: c.whole(68, 65_535) }) }
  return [...(c.coin() ? [loopback] : []), ...c.list(2, (index) => randomVeth(c, index))]
}

function randomVeth(c: Choices, index: number): object {
  const v4 = { address: `10.${index}.0.2/16`, ...c.fields({ gateway: `10.${index}.0.1` }) }
  const v6 = { ipv6_address: `2001:db8:${index}::2/64`, ...c.fields({ ipv6_gateway: `2001:DB8:${index}::1` }) }
  const more = c.fields({
    mtu: 1400,
    txqueuelen: 100,
    mac_address: '02:AA:00:00:00:01',
    create_bridge: true,
    name: `net${index}`,
  })
  const bridge = c.coin() ? { bridge: 'br0', veth_prefix: 'vnet' } : { context: { bridge: 'br0', prefix: 'vnet' } }
  return { type: 'veth', ...bridge, ...(c.coin() && v4), ...(c.coin() && v6), ...more }
}

function randomRoutes(c: Choices, networks: readonly object[]): object[] {
  const names = networks.flatMap((each) => ('name' in each ? [each.name as string] : []))
  if (names.length === 0) return []
  return c.list(2, (index) => ({
    destination: `192.168.${index}.0/24`,
    ...c.fields({ source: '10.0.0.2', gateway: '10.0.0.1' }),
    interface_name: c.one(...names),
  }))
}

const randomMappings = (c: Choices): object => ({
  uid_mappings: [{ container_id: 0, host_id: c.whole(0, 100_000), size: c.whole(1, 65_536) }],
  gid_mappings: [{ host_id: c.whole(1, 100_000), size: c.whole(1, 65_536) }],
})

function randomCgroups(c: Choices): object {
  const memory = c.whole(1, 2 ** 40)
  const place = c.one(
    {},
    { name: 'one' },
    { name: 'one', parent: 'docker/a' },
    { name: 'one', parent: '/' },
    { name: 'one', parent: '/a/b' },
    { name: 'one', parent: 'docker', slice: 'x-y.slice' },
    { name: 'one', slice: 'user.slice' },
  )
  const access = {
    type: c.one<string | number>('c', 'b', 99, 98),
    major_number: c.whole(-1, 300),
    minor_number: c.whole(-1, 300),
    cgroup_permissions: c.one('r', 'rwm', 'm', 'wr'),
  }
  return {
    ...place,
    ...c.one({}, { allow_all_devices: true }, { device_access: false }, { allowed_devices: c.list(3, () => access) }),
    ...c.one({}, { memory }, { memory, memory_swap: c.one(-1, memory, memory + 1) }, { memory_swap: -1 }),
    ...c.fields({
      memory_reservation: c.whole(1, 2 ** 40),
      cpu_shares: c.whole(2, 262_144),
      cpu_quota: c.one(-1, 1000, 50_000),
      cpu_period: c.whole(1000, 1_000_000),
      cpuset_cpus: c.one('0', '0-1'),
      cpuset_mems: '0',
      blkio_weight: c.whole(10, 1000),
      freezer: c.one('FROZEN', 'THAWED'),
    }),
  }
}

function randomSecurity(c: Choices, isLater: boolean): object {
  const labels = c.fields({ apparmor_profile: 'docker-default', process_label: 'u:r:t:s0' })
  const isOn = c.coin()
  if (isLater) return { ...labels, ...c.one({}, { restrict_sys: isOn }) }
  return {
    context: {
      ...labels,
      ...c.fields({ mount_label: 'u:o:t:s0' }),
      ...c.one({}, { restrictions: isOn ? 'true' : 'none' }),
    },
  }
}

function randomRoot(c: Choices, isLater: boolean): object {
  const nodes = c.some(['/dev/fuse', '/dev/a', '/dev/null']).map((path, index) => ({
    type: c.one<string>('c', 'b'),
    path,
    major_number: c.whole(0, 300),
    minor_number: index,
    ...c.fields({ file_mode: c.one(0, 0o600, 0o666), uid: 3, gid: 4 }),
  }))
  const flat = {
    ...c.fields({ readonly_fs: c.coin(), no_pivot_root: c.coin() }),
    mounts: c.list(4, (index) => randomMount(c, index)),
  }
  return isLater ? { mount_config: { ...flat, device_nodes: nodes, ...c.fields({ mount_label: 'u:o:t:s0' }) } } : flat
}

function randomMount(c: Choices, index: number): object {
  const flags = c.fields({ private: c.coin() })
  return c.one<object>(
    { type: 'devtmpfs' },
    { type: 'tmpfs', destination: c.one('/tmp', '/dev/shm', `/t${index}`), ...flags },
    {
      type: 'bind',
      source: c.one('/srv', 'data'),
      destination: c.one(`/m${index}`, '/sys', '/dev/shm'),
      ...c.fields({ writable: c.coin() }),
      ...flags,
    },
  )
}
