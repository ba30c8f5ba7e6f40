import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readFileSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { eventually } from '../support/eventually.ts'
import { scratch, useOci } from '../support/oci.ts'
import { descendants, namespaceOf } from '../support/proc.ts'
import { requires } from '../support/requires.ts'
import { Place, Room } from './network-room.ts'
import { NAMESPACES, NsinitDirectory, type Outcome } from './nsinit-directory.ts'

// Commands on a live container: what they print and do against the kernel's own files.

const NEEDS = requires({ root: true })
const GROUPS = requires({ root: true, hierarchies: ['memory', 'cpuacct', 'freezer'] })
useOci()

type Json = Readonly<Record<string, unknown>>

const ok = ({ status, stdout, stderr }: Outcome): string => {
  assert.equal(status, 0, stderr + stdout)
  return stdout
}

/** A file of the container's group in a hierarchy of version 1 */
const groupFile = (one: NsinitDirectory, controller: string, name: string): string =>
  readFileSync(`/sys/fs/cgroup/${controller}/${one.group}/${name}`, 'utf8').trim()

/** By the freezer of either version */
const isFrozen = (one: NsinitDirectory): boolean =>
  one.groups.some((path) => {
    const text = (name: string): string => (existsSync(join(path, name)) ? readFileSync(join(path, name), 'utf8') : '')
    return text('freezer.state') === 'FROZEN\n' || /^frozen 1$/m.test(text('cgroup.events'))
  })

interface Printed {
  readonly network_stats?: Json & { readonly interfaces: readonly Json[] }
  readonly cgroup_stats: {
    readonly cpu_stats: { readonly cpu_usage: Readonly<Record<string, number>>; readonly throttling_data: Json }
    readonly memory_stats: Json & { readonly stats: Readonly<Record<string, number>> }
    readonly blkio_stats: Readonly<Record<string, readonly Json[]>>
    readonly pids_stats: Json
    readonly freezer_stats: Json
  }
}

const statsOf = (one: NsinitDirectory): Printed => JSON.parse(ok(one.nsinit(['stats']))) as Printed

test('L26, L59: stats prints what the files of the groups say, and what the CPU does now', GROUPS, async () => {
  const one = new NsinitDirectory({
    cgroups: { memory: 67_108_864, cpu_quota: 20_000, cpu_period: 100_000 },
  })
  await one.live('while :; do :; done')
  await eventually(
    () => /^nr_throttled [1-9]/m.test(groupFile(one, 'cpu', 'cpu.stat')),
    () => 'the quota is used up',
  )
  const before = Number(groupFile(one, 'cpuacct', 'cpuacct.usage'))
  const { cgroup_stats: stats } = statsOf(one)
  const after = Number(groupFile(one, 'cpuacct', 'cpuacct.usage'))
  const { cpu_usage: cpu, throttling_data: throttling } = stats.cpu_stats
  assert.ok(
    cpu['total_usage']! >= before - 1000 && cpu['total_usage']! <= after + 1000,
    `${before} ${cpu['total_usage']} ${after}`,
  )
  // A fifth of one CPU, in each period of 100 ms.
  assert.ok(cpu['percent_usage']! > 2 && cpu['percent_usage']! < 60, JSON.stringify(cpu))
  assert.ok(cpu['current_usage']! > 0 && cpu['current_usage']! < 100_000_000, JSON.stringify(cpu))
  assert.ok(
    Number(throttling['throttled_periods']) > 0 && Number(throttling['throttled_time']) > 0,
    JSON.stringify(throttling),
  )
  const memory = stats.memory_stats
  assert.deepEqual(
    [memory['limit'], memory['failcnt']],
    [67_108_864, Number(groupFile(one, 'memory', 'memory.failcnt'))],
  )
  assert.ok(Number(memory['usage']) > 0 && Number(memory['max_usage']) >= Number(memory['usage']))
  assert.deepEqual(
    Object.keys(memory.stats),
    groupFile(one, 'memory', 'memory.stat')
      .split('\n')
      .map((line) => line.split(' ')[0]),
  )
  assert.deepEqual(Object.keys(stats.blkio_stats), ['io_service_bytes_recursive', 'io_serviced_recursive'])
  assert.equal(stats.pids_stats['current'], Number(groupFile(one, 'pids', 'pids.current')))
  assert.deepEqual(stats.freezer_stats, { state: 'THAWED', self_state: '0', parent_state: '0' })
  assert.match(
    ok(one.nsinit(['stats', '--human'])),
    /^cpu +[\d.]+ % of one CPU now.*throttled in.*\nmemory +[\d.]+ \w+ of 64\.0 MiB/,
  )
})

test('L59: stats counts what the interface has received and sent, as the container sees it', NEEDS, async () => {
  const room = await Room.open()
  const veth = { type: 'veth', bridge: 'br0', create_bridge: true, address: '10.9.0.2/24', gateway: '10.9.0.1' }
  const one = new NsinitDirectory({ networks: [veth], capabilities: ['NET_RAW'] })
  room.start(one.path, ['exec', 'sh', '-c', 'ping -c 1 -s 9000 10.9.0.1 >/tmp/answer; touch /tmp/done; sleep 1000'])
  await eventually(
    () => existsSync(one.file('tmp/done')),
    () => 'the answer',
  )
  const counters = (): readonly number[] => {
    const line = /^ *eth0: *(.*)$/m.exec(readFileSync(`/proc/${one.pid}/net/dev`, 'utf8'))?.[1] ?? ''
    return line.split(/ +/).map(Number)
  }
  // Once nothing is on its way any more, both ends have counted the same.
  const { network, counted } = await eventually(
    () => {
      const before = counters()
      const { network_stats: found } = JSON.parse(ok(room.nsinit(one.path, ['stats']))) as Printed
      return String(before) === String(counters()) && found && { network: found, counted: before }
    },
    () => 'the interface is at rest',
  )
  const [received, , , , , , , , sent] = counted
  assert.deepEqual([network['rx_bytes'], network['tx_bytes']], [received, sent])
  assert.ok(Number(network['tx_bytes']) > 9000 && Number(network['rx_bytes']) > 9000, JSON.stringify(network))
  assert.deepEqual([network.interfaces[0]?.['name'], network.interfaces[0]?.['host']], ['eth0', 'veth0'])
  process.kill(one.pid, 'SIGKILL')
  await eventually(
    () => one.stored === undefined,
    () => 'its end',
  )
})

test(
  'L26, L60: pause has all processes stand still, unpause has them go on, and each is right twice',
  GROUPS,
  async () => {
    const one = new NsinitDirectory()
    const live = await one.live('while read line; do echo "got $line"; done')
    for (const _ of [1, 2]) {
      ok(one.nsinit(['pause']))
      assert.deepEqual(
        [isFrozen(one), statsOf(one).cgroup_stats.freezer_stats],
        [true, { state: 'FROZEN', self_state: '1', parent_state: '0' }],
      )
    }
    live.child.stdin?.write('one\n')
    const refused = one.exec('true')
    assert.deepEqual([refused.status, /paused.*unpause/.test(refused.stderr)], [125, true], refused.stderr)
    assert.doesNotMatch(live.text(), /got/)
    for (const _ of [1, 2]) {
      ok(one.nsinit(['unpause']))
      assert.equal(isFrozen(one), false)
    }
    await live.shows(/got one/)
  },
)

test('L26: without a live container each command says so', NEEDS, () => {
  const one = new NsinitDirectory()
  for (const words of [['stats'], ['pause'], ['unpause'], ['oom'], ['exec', '--func', 'ip']]) {
    const { status, stderr } = one.nsinit(words)
    assert.deepEqual(
      [status, /No container lives in .*exec COMMAND/.test(stderr)],
      [125, true],
      `${words.join(' ')}: ${stderr}`,
    )
  }
})

for (const json of [false, true]) {
  test(
    `L59: oom${json ? ' --json' : ''} prints a line when memory runs out, and ends with the container`,
    GROUPS,
    async () => {
      const one = new NsinitDirectory({ cgroups: { memory: 16_777_216, memory_swap: 16_777_216 } })
      const live = await one.live('read line')
      const watch = one.background(['oom', ...(json ? ['--json'] : [])])
      // It watches as soon as it sleeps in ppoll(2).
      await eventually(
        () => isWatching(watch.child.pid),
        () => 'the watch',
      )
      const hog = one.exec('dd', 'if=/dev/zero', 'of=/dev/null', 'bs=64M', 'count=1')
      assert.equal(hog.status, 137, hog.stderr)
      if (json) {
        const [line] = await watch.shows(/^.*\n/)
        const { type, time, oom_kills: kills } = JSON.parse(line) as Json
        assert.deepEqual(
          [type, Number(kills) >= 1, Math.abs(Date.parse(String(time)) - Date.now()) < 60_000],
          ['oom', true, true],
        )
      } else {
        await watch.shows(/^\S+Z memory ran out, [1-9]\d* process(es)? killed so far$/m)
      }
      live.child.stdin?.end()
      assert.equal((await watch.ended).code, 0)
    },
  )
}

/** Whether a process waits in ppoll(2) for three things: the first process, a change of files, an eventfd. */
const isWatching = (pid = 0): boolean => readFileSync(`/proc/${pid}/syscall`, 'utf8').split(' ')[2] === '0x3'

test('L26: nsenter enters the container of a process with its groups, user and environment', NEEDS, async () => {
  const one = new NsinitDirectory({ user: 'somebody' })
  const live = await one.live('sleep 1001 & wait')
  const { pid: inner } = await eventually(
    () => descendants(live.pid).find(({ name }) => name === 'sleep'),
    () => 'another process of it',
  )
  const script =
    'for n in pid mnt net; do readlink /proc/self/ns/$n; done; id -u; echo $COLOUR; cat /proc/self/cgroup; exit 7'
  for (const pid of [live.pid, inner]) {
    const { status, stdout, stderr } = one.nsinit(['nsenter', '--nspid', String(pid), 'sh', '-c', script], { cwd: '/' })
    assert.equal(status, 7, stderr)
    const [pids, mounts, net, uid, colour, ...groups] = stdout.trim().split('\n')
    assert.deepEqual(
      [pids, mounts, net],
      ['pid', 'mnt', 'net'].map((name) => namespaceOf(live.pid, name)),
    )
    assert.deepEqual([uid, colour], ['1000', 'blue'])
    assert.ok(
      groups.some((line) => line.endsWith(`:memory:/${one.group}`)),
      stdout,
    )
  }
})

test('L26: nsenter --containerjson takes user, capabilities and environment of a file', NEEDS, async () => {
  const one = new NsinitDirectory()
  const live = await one.live()
  const file = scratch('other.json')
  writeFileSync(
    file,
    JSON.stringify({
      user: 'somebody:extra',
      environment: ['PATH=/bin', 'COLOUR=red'],
      capabilities: ['NET_RAW'],
      namespaces: NAMESPACES,
    }),
  )
  const words = ['nsenter', '--nspid', String(live.pid), '--containerjson', file]
  const { status, stdout, stderr } = one.nsinit([
    ...words,
    'sh',
    '-c',
    'id -u; id -g; echo $COLOUR; grep CapBnd /proc/self/status',
  ])
  assert.equal(status, 0, stderr)
  assert.deepEqual(stdout.trim().split(/\s+/), [
    '1000',
    '2000',
    'red',
    'CapBnd:',
    (1n << 13n).toString(16).padStart(16, '0'),
  ])
})

test('L26, D-L03: nsenter enters no process but those of this user’s containers', NEEDS, () => {
  const one = new NsinitDirectory()
  for (const [pid, message] of [
    [String(process.pid), /belongs to no container/],
    ['1', /belongs to no container/],
    ['0', /must be a process id/],
    ['12x', /must be a process id/],
  ] as const) {
    const { status, stdout, stderr } = one.nsinit(['nsenter', '--nspid', pid, 'echo', 'executed'])
    assert.deepEqual([status, stdout, message.test(stderr)], [125, '', true], stderr)
  }
})

test('L27: exec --list names the built-in functions, and no other is taken', NEEDS, () => {
  const one = new NsinitDirectory()
  const names = ok(one.nsinit(['exec', '--list'])).match(/^\w+/gm)
  assert.deepEqual(names, ['exec', 'mknod', 'ip'])
  const { status, stderr } = one.nsinit(['exec', '--func', 'ipp'])
  assert.deepEqual([status, /"ipp" is none of exec, mknod, ip.*ip/.test(stderr)], [125, true], stderr)
})

test('L27: --func exec adds a process to the live container, and starts none', NEEDS, async () => {
  const one = new NsinitDirectory()
  assert.equal(one.nsinit(['exec', '--func', 'exec', 'true']).status, 125)
  const live = await one.live()
  const { status, stdout } = one.nsinit(['exec', '--func', 'exec', 'sh', '-c', 'readlink /proc/self/ns/uts; exit 6'])
  assert.deepEqual([status, stdout.trim()], [6, namespaceOf(live.pid, 'uts')])
})

test(
  'L27: --func mknod makes a node inside the root of the container, whatever links lead out of it',
  NEEDS,
  async () => {
    const one = new NsinitDirectory()
    const outside = scratch('outside')
    mkdirSync(outside)
    symlinkSync(outside, join(one.path, 'way-out'))
    mkdirSync(join(one.path, outside), { recursive: true })
    await one.live()
    const node = (path: string, ...rest: string[]) => one.nsinit(['exec', '--func', 'mknod', path, ...rest])
    ok(node('/way-out/null', 'c', '1', '3', '620'))
    const { mode, rdev, uid } = statSync(join(one.path, outside, 'null'))
    assert.deepEqual([mode.toString(8), rdev, uid], ['20620', (1 << 8) | 3, 0])
    assert.equal(existsSync(join(outside, 'null')), false)
    ok(node('/../../tmp/../pipe', 'p'))
    assert.equal(statSync(join(one.path, 'pipe')).isFIFO(), true)
    // Its own /dev is a mount that the host does not have.
    ok(node('/dev/made', 'b', '7', '300'))
    assert.match(one.script('stat -c "%F %t %T" /dev/made'), /^block special file 7 12c$/m)
    for (const [words, message] of [
      [['/way-out/null', 'c', '1', '3'], /is there already/],
      [['/none/null', 'c', '1', '3'], /has no directory \/none\//],
    ] as const) {
      const { status, stderr } = node(...(words as unknown as [string]))
      assert.deepEqual([status, message.test(stderr)], [125, true], `${words.join(' ')}: ${stderr}`)
    }
  },
)

test(
  'L27: --func ip shows and changes the network of the container, as ip(8) sees it from outside',
  NEEDS,
  async () => {
    const room = await Room.open()
    const one = new NsinitDirectory({
      networks: [{ type: 'veth', bridge: 'br0', create_bridge: true, address: '10.9.0.2/24' }],
    })
    room.start(one.path, ['exec', 'sleep', '1000'])
    await eventually(
      () => one.has('pid'),
      () => 'its start',
    )
    const box = new Place(one.pid)
    const ip = (...words: string[]) => room.nsinit(one.path, ['exec', '--func', 'ip', ...words]) as Outcome
    ok(ip('addr', 'add', '10.9.9.2/24', 'dev', 'eth0'))
    ok(ip('addr', 'del', '10.9.0.2/24', 'dev', 'eth0'))
    ok(ip('link', 'set', 'eth0', 'mtu', '1300'))
    ok(ip('route', 'add', 'default', 'via', '10.9.9.1', 'src', '10.9.9.2'))
    assert.deepEqual([box.addresses('eth0'), box.link('eth0').mtu], [['10.9.9.2/24'], 1300])
    assert.equal(box.routes().find(({ dst }) => dst === 'default')?.['gateway'], '10.9.9.1')
    const shown = ok(ip())
    assert.match(shown, /^2: eth0: up mtu 1300 veth [\da-f:]{17}\n {4}inet 10\.9\.9\.2\/24 scope global$/m)
    assert.match(shown, /^default via 10\.9\.9\.1 dev eth0 src 10\.9\.9\.2$/m)
    assert.doesNotMatch(ok(ip('route')), /eth0: up/)
    ok(ip('route', 'del', 'default'))
    ok(ip('link', 'set', 'eth0', 'down'))
    assert.equal(box.link('eth0').flags.includes('UP'), false)
    for (const [words, message] of [
      [['route', 'add', '10.1.0.0/16', 'via', '10.66.0.1'], /RTM_NEWROUTE.*ENETUNREACH/],
    ] as const) {
      const { status, stderr } = ip(...words)
      assert.deepEqual([status, message.test(stderr)], [125, true], `${words.join(' ')}: ${stderr}`)
    }
    process.kill(one.pid, 'SIGKILL')
    await eventually(
      () => one.stored === undefined,
      () => 'its end',
    )
  },
)

test('L27: --func ip does not change the network of the host for a container that shares it', NEEDS, async () => {
  const room = await Room.open()
  const { NEWNET: _, ...namespaces } = NAMESPACES
  const one = new NsinitDirectory({ namespaces })
  room.start(one.path, ['exec', 'sleep', '1000'])
  await eventually(
    () => one.has('pid'),
    () => 'its start',
  )
  const before = room.ip('address')
  const { status, stderr } = room.nsinit(one.path, ['exec', '--func', 'ip', 'addr', 'add', '10.9.9.2/24', 'dev', 'lo'])
  assert.deepEqual([status, /network of the host/.test(stderr), room.ip('address')], [125, true, before], stderr)
  assert.match(ok(room.nsinit(one.path, ['exec', '--func', 'ip'])), /^1: lo: down/)
  process.kill(one.pid, 'SIGKILL')
  await eventually(
    () => one.stored === undefined,
    () => 'its end',
  )
})
