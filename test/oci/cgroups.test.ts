import assert from 'node:assert/strict'
import { existsSync, mkdirSync, readdirSync, readFileSync, rmdirSync, writeFileSync } from 'node:fs'
import { test } from 'node:test'
import { spawnSync } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { checkLinuxResources } from '../../src/bundle/config/check-linux-resources.ts'
import { newFindings } from '../../src/bundle/config/fields.ts'
import type { Resources } from '../../src/features/cgroups/resources.ts'
import { close } from '../../src/kernel/descriptors.ts'
import { openPidfd } from '../../src/kernel/process.ts'
import { statisticsForEvents } from '../../src/oci/cgroups/statistics.ts'
import { updateGroup } from '../../src/oci/cgroups/update-group.ts'
import { GroupWatch } from '../../src/oci/cgroups/watch-group.ts'
import { nodeKernel } from '../../src/kernel/node.ts'
import { freeze, isFrozen, thaw } from '../../src/oci/cgroups/freeze.ts'
import { joinSteps } from '../../src/oci/cgroups/join-steps.ts'
import { killGroup, signalGroup } from '../../src/oci/cgroups/kill-group.ts'
import { processesOf } from '../../src/oci/cgroups/processes.ts'
import { removeGroup } from '../../src/oci/cgroups/remove-group.ts'
import { program } from '../../src/program/builder.ts'
import { eventually } from '../support/eventually.ts'
import { type Grouped, planOf, withGroups } from '../support/grouped-process.ts'
import { hierarchyOf } from '../support/hierarchies.ts'
import { cgroupName, checkMachine } from '../support/machine-check.ts'
import { REPOSITORY } from '../support/repository.ts'
import { requires } from '../support/requires.ts'

checkMachine()

const kernel = nodeKernel()
const V1 = requires({ root: true, hierarchies: ['memory', 'pids', 'devices', 'freezer', 'cpuset', 'v2'] })
const read = (path: string): string => readFileSync(path, 'utf8').trim()
const fileOf = (controller: string, name: string, file: string): string =>
  read(`${hierarchyOf(controller)}/${name}/${file}`)
const membershipsOf = (pid: number): string[] =>
  read(`/proc/${pid}/cgroup`)
    .split('\n')
    .map((line) => line.replace(/^\d+:/, ''))

test(
  'G02, G09, X02: the first process is born in a group of every hierarchy, and whoever made it in none',
  V1,
  async () => {
    const name = cgroupName('born')
    await withGroups({ cgroupsPath: `/${name}` }, ({ pid, maker, plan }) => {
      const controllers = ['cpu', 'cpuacct', 'cpuset', 'memory', 'devices', 'freezer', 'blkio', 'pids']
      const paths = membershipsOf(pid)
      for (const each of [...controllers, 'name=systemd', '']) assert.ok(paths.includes(`${each}:/${name}`), each)
      assert.ok(membershipsOf(maker.pid as number).some((line) => line === 'pids:/'))
      assert.deepEqual(
        processesOf(
          kernel,
          plan.places.filter(({ version }) => version === 2),
        ),
        [pid],
      )
    })
    assert.ok(!existsSync(`${hierarchyOf('memory')}/${name}`))
  },
)

test(
  'X02: limits are the ones of the configuration before anything runs, as docker and podman give them',
  V1,
  async () => {
    const name = cgroupName('limits')
    const resources = {
      devices: [{ allow: false, access: 'rwm' }],
      memory: { limit: 64 * 2 ** 20, swap: 128 * 2 ** 20, disableOOMKiller: false },
      cpu: { shares: 0, quota: 50_000, period: 100_000, cpus: '0' },
      pids: { limit: 1 },
      blockIO: { weight: 0 },
    }
    await withGroups({ cgroupsPath: `/${name}`, resources }, ({ pid }) => {
      assert.equal(fileOf('memory', name, 'memory.limit_in_bytes'), String(64 * 2 ** 20))
      assert.equal(fileOf('memory', name, 'memory.memsw.limit_in_bytes'), String(128 * 2 ** 20))
      assert.equal(fileOf('cpu', name, 'cpu.cfs_quota_us'), '50000')
      assert.equal(fileOf('cpu', name, 'cpu.shares'), '1024')
      assert.equal(fileOf('cpuset', name, 'cpuset.cpus'), '0')
      assert.equal(fileOf('pids', name, 'pids.max'), '1')
      assert.equal(fileOf('pids', name, 'pids.current'), '1')
      assert.equal(fileOf('pids', name, 'cgroup.procs'), String(pid))
      const list = fileOf('devices', name, 'devices.list').split('\n')
      assert.ok(list.includes('c 1:3 rwm') && list.includes('c *:* m') && !list.includes('a *:* rwm'), list.join())
    })
  },
)

test(
  'G03: levels of an absolute path are made in every hierarchy, with CPUs and memory nodes, and stay',
  V1,
  async () => {
    const level = cgroupName('level')
    const places: string[] = []
    const above = (place: string): string => place.slice(0, place.lastIndexOf('/'))
    try {
      await withGroups({ cgroupsPath: `/${level}/inner` }, ({ pid, plan }) => {
        places.push(...plan.places.map(({ directory }) => directory))
        assert.ok(membershipsOf(pid).includes(`cpuset:/${level}/inner`))
        assert.equal(fileOf('cpuset', level, 'cpuset.cpus'), read(`${hierarchyOf('cpuset')}/cpuset.effective_cpus`))
      })
      assert.ok(places.length >= 10 && places.every((place) => !existsSync(place) && existsSync(above(place))))
    } finally {
      places.forEach((place) => rmdirSync(above(place)))
    }
  },
)

test('a relative path is below the own group on v1, and an absent one is carrel-oci-ID there', V1, async () => {
  const own = membershipsOf(process.pid)
    .find((line) => line.startsWith('memory:'))
    ?.slice('memory:'.length)
  const below = own === '/' ? '' : own
  const [relative, id] = [cgroupName('relative'), cgroupName('id')]
  await withGroups({ cgroupsPath: `${relative}` }, ({ pid }) => {
    assert.ok(membershipsOf(pid).includes(`memory:${below}/${relative}`))
  })
  await withGroups({ id }, ({ pid }) => assert.ok(membershipsOf(pid).includes(`memory:${below}/carrel-oci-${id}`)))
})

test('G04: a limit that the kernel refuses is told with its JSON pointer, file, value and reason', V1, async () => {
  const name = cgroupName('refused')
  const resources = { blockIO: { throttleReadBpsDevice: [{ major: 4000, minor: 7, rate: 1024 }] } }
  await assert.rejects(
    withGroups({ cgroupsPath: `/${name}`, resources }, () => {}),
    {
      name: 'InvalidInputError',
      field: '/linux/resources/blockIO/throttleReadBpsDevice',
      message:
        /cannot be set: the kernel refuses "4000:7 1024" in .*blkio\.throttle\.read_bps_device \(ENODEV\), because 4000:7 is not/,
    },
  )
})

test('X29: what this host cannot enforce is refused by name before anything is made', V1, () => {
  const plan = (resources: object) => planOf(kernel, { cgroupsPath: `/${cgroupName('none')}`, resources })
  assert.throws(() => plan({ unified: { 'memory.high': '1' } }), {
    name: 'UnsupportedError',
    message: /^\/linux\/resources\/unified\/memory\.high cannot be enforced, because/,
  })
  assert.throws(() => plan({ memory: { limit: 2 ** 20, kernel: 2 ** 20 } }), {
    message: /^\/linux\/resources\/memory\/kernel cannot/,
  })
  assert.throws(() => plan({ memory: { limit: 12 } }), {
    name: 'InvalidInputError',
    field: '/linux/resources/memory/limit',
    message: /^\/linux\/resources\/memory\/limit must/,
  })
  assert.throws(() => plan({ cpu: { cpus: '777' } }), {
    message: /^\/linux\/resources\/cpu\/cpus cannot be enforced, because CPU 777/,
  })
  assert.ok(!existsSync(`${hierarchyOf('memory')}/${cgroupName('none')}`))
})

test('X29: a path never leads out, and none of systemd’s is taken for one of directories', () => {
  const plan = (cgroupsPath: string) => () => planOf(kernel, { cgroupsPath })
  for (const path of ['/a/../../b', '..', '/./a', '/', 'a\nb'])
    assert.throws(plan(path), { name: 'InvalidInputError', field: '/linux/cgroupsPath' }, path)
  assert.throws(plan('system.slice:a:b'), { message: /--systemd-cgroup/ })
})

test('a group that is there is taken over, but not with a process in it', V1, async () => {
  const name = cgroupName('taken')
  mkdirSync(`${hierarchyOf('v2')}/${name}`)
  mkdirSync(`${hierarchyOf('pids')}/${name}`)
  await withGroups({ cgroupsPath: `/${name}` }, ({ pid, maker }) => {
    const again = () => planOf(kernel, { cgroupsPath: `/${name}` })
    // Whoever made the process is still in those of v1 that do not count it, and the lowest number is told.
    const lowest = Math.min(pid, maker.pid as number)
    assert.throws(again, { name: 'StateError', message: new RegExp(`in which process ${lowest} is`) })
  })
})

test(
  'L60, L61, G07: a container stands still, runs again and ends as a whole, and what it made in its groups goes too',
  V1,
  async () => {
    const name = cgroupName('life')
    await withGroups({ cgroupsPath: `/${name}` }, async ({ plan: { places }, exec, pid }) => {
      exec(['/bin/sh', '-c', 'sleep 1000 & sleep 1000 & while :; do :; done'])
      await eventually(
        () => processesOf(kernel, places).length === 3,
        () => 'three processes',
      )
      assert.ok(!isFrozen(kernel, places))
      freeze(kernel, places)
      assert.ok(isFrozen(kernel, places))
      assert.match(fileOf('v2', name, 'cgroup.events'), /frozen 1/)
      thaw(kernel, places)
      assert.ok(!isFrozen(kernel, places))
      assert.equal(
        signalGroup(
          kernel,
          places.filter(({ version }) => version === 2),
          0,
        ),
        3,
      )
      for (const { directory } of places) mkdirSync(`${directory}/inner`)
      mkdirSync(`${hierarchyOf('v2')}/${name}/inner/deeper`)
      writeFileSync(`${hierarchyOf('v2')}/${name}/inner/deeper/cgroup.procs`, String(pid))
      assert.equal(processesOf(kernel, places).length, 3)
      killGroup(kernel, places)
      assert.deepEqual(processesOf(kernel, places), [])
      removeGroup(kernel, places)
      assert.ok(places.every(({ directory }) => !existsSync(directory)))
      removeGroup(kernel, places)
    })
  },
)

test('X03: without the v2 tree the freezer of v1 holds all while they are killed', V1, async () => {
  const name = cgroupName('v1')
  await withGroups({ cgroupsPath: `/${name}` }, async ({ plan, exec }) => {
    const places = plan.places.filter(({ version }) => version === 1)
    exec(['/bin/sh', '-c', 'while :; do sleep 1000 & sleep 0.01; done'])
    await eventually(
      () => processesOf(kernel, places).length > 3,
      () => 'some processes',
    )
    freeze(kernel, places)
    assert.equal(fileOf('freezer', name, 'freezer.state'), 'FROZEN')
    assert.ok(isFrozen(kernel, places))
    killGroup(kernel, places)
    assert.deepEqual(processesOf(kernel, plan.places), [])
  })
})

test('exec: a further process is born in the same groups, or in one below them', V1, async () => {
  const name = cgroupName('joined')
  await withGroups(
    { cgroupsPath: `/${name}`, resources: { pids: { limit: 2 } } },
    async ({ plan: { places }, another, pid, maker }) => {
      const next = another((p) => joinSteps(kernel, p, places, { pid }))
      const same = membershipsOf(pid)
      assert.deepEqual(membershipsOf(next.pid as number), same)
      assert.ok(membershipsOf(maker.pid as number).includes('pids:/'))
      assert.throws(() => another((p) => joinSteps(kernel, p, places, { pid, paths: ['/sub'] })), {
        name: 'StateError',
      })
      assert.throws(() => another((p) => joinSteps(kernel, p, places, { pid, paths: ['../x'] })), { field: '--cgroup' })
    },
  )
  await withGroups({ cgroupsPath: `/${name}` }, ({ plan: { places }, another, pid }) => {
    mkdirSync(`${hierarchyOf('memory')}/${name}/sub`)
    const next = another((p) => joinSteps(kernel, p, places, { pid, paths: ['memory:/sub'] }))
    assert.ok(membershipsOf(next.pid as number).includes(`memory:/${name}/sub`))
    assert.ok(membershipsOf(next.pid as number).includes(`pids:/${name}`))
  })
})

test('CLONE_NEWCGROUP: the root of the namespace is the container’s own group in every hierarchy', V1, async () => {
  const name = cgroupName('namespace')
  const look = ({ first }: Grouped): void => {
    const p = program()
    const file = p.openat('AT_FDCWD', '/proc/self/cgroup', ['O_RDONLY', 'O_CLOEXEC'])
    const text = p.read(file, 4096)
    p.close(file)
    const lines = Buffer.from(first.run(p).get(text)).toString().trim().split('\n')
    assert.ok(lines.length >= 10 && lines.every((line) => line.endsWith(':/')), lines.join())
  }
  await withGroups({ cgroupsPath: `/${name}` }, look, ['CLONE_NEWCGROUP'])
})

const MEMORY_HOG = 'a=x; while :; do a=$a$a; done'

test('L59: statistics are the kernel’s, in our shape and in the one that engines parse', V1, async () => {
  const name = cgroupName('stats')
  const resources = { memory: { limit: 32 * 2 ** 20, swap: 32 * 2 ** 20 }, pids: { limit: 7 } }
  await withGroups({ cgroupsPath: `/${name}`, resources }, async ({ plan: { places }, exec }) => {
    exec(['/bin/sh', '-c', 'i=0; while [ $i -lt 100000 ]; do i=$((i+1)); done; sleep 1000'])
    await eventually(
      () => Number(fileOf('cpuacct', name, 'cpuacct.usage')) > 1e7,
      () => 'some CPU time',
    )
    const data = statisticsForEvents(kernel, places)
    const now = Number(fileOf('cpuacct', name, 'cpuacct.usage'))
    assert.ok(data.cpu.usage.total > 1e7 && data.cpu.usage.total <= now + 1000, String(data.cpu.usage.total))
    assert.equal(data.memory.usage.limit, 32 * 2 ** 20)
    assert.equal(data.memory.swap.limit, 32 * 2 ** 20)
    assert.deepEqual(data.pids, { current: Number(fileOf('pids', name, 'pids.current')), limit: 7 })
    assert.ok((data.memory.raw['total_rss'] ?? -1) >= 0)
    assert.equal(data.cpuset.mems?.[0], 0)
    // Go reads unsigned integers of 64 bits: no sign, no fraction, no exponent.
    for (const [number] of JSON.stringify(data).matchAll(/(?<=[:[,])-?[\d.e+]+(?=[,}\]])/g))
      assert.match(number, /^\d{1,19}$/)
  })
})

test('X33: running out of memory is told by the kernel, and so is the end of the first process', V1, async () => {
  const name = cgroupName('oom')
  const resources = { memory: { limit: 16 * 2 ** 20, swap: 16 * 2 ** 20 } }
  await withGroups({ cgroupsPath: `/${name}`, resources }, ({ plan: { places }, exec, pid }) => {
    const pidfd = openPidfd(kernel, pid) as number
    const watch = new GroupWatch(kernel, places, pidfd)
    try {
      assert.equal(watch.next(1000), 'time')
      exec(['/bin/sh', '-c', MEMORY_HOG])
      assert.equal(watch.next(5_000_000), 'oom')
      assert.equal(watch.next(5_000_000), 'ended')
      assert.match(fileOf('memory', name, 'memory.oom_control'), /oom_kill [1-9]/)
    } finally {
      watch.close()
      close(kernel, pidfd)
    }
  })
})

test(
  'G04: an update changes what it names, in an order that the kernel takes, and says what it cannot',
  V1,
  async () => {
    const name = cgroupName('update')
    const resources = { memory: { limit: 64 * 2 ** 20, swap: 64 * 2 ** 20 }, cpu: { quota: 50_000, period: 100_000 } }
    await withGroups({ cgroupsPath: `/${name}`, resources }, async ({ plan: { places } }) => {
      const update = (wanted: object) => updateGroup(kernel, { groups: places }, checked(wanted))
      const mib = 2 ** 20
      await update({ memory: { limit: 128 * mib, swap: 256 * mib }, pids: { limit: 9 } })
      assert.equal(fileOf('memory', name, 'memory.limit_in_bytes'), String(128 * mib))
      assert.equal(fileOf('memory', name, 'memory.memsw.limit_in_bytes'), String(256 * mib))
      await update({ memory: { limit: 32 * mib, swap: 32 * mib }, cpu: { quota: 20_000, period: 20_000, shares: 77 } })
      assert.equal(fileOf('memory', name, 'memory.memsw.limit_in_bytes'), String(32 * mib))
      assert.equal(fileOf('cpu', name, 'cpu.cfs_period_us'), '20000')
      assert.equal(fileOf('cpu', name, 'cpu.shares'), '77')
      assert.equal(fileOf('pids', name, 'pids.max'), '9')
      await update({
        devices: [
          { allow: false, access: 'rwm' },
          { allow: true, type: 'c', major: 10, minor: 229, access: 'rw' },
        ],
      })
      assert.match(fileOf('devices', name, 'devices.list'), /c 10:229 rw/)
      await assert.rejects(update({ memory: { limit: 64 * mib } }), {
        field: '/memory/limit',
        message: /^\/memory\/limit must not be above the group’s memory.swap/,
      })
      await assert.rejects(update({ unified: { 'memory.high': '1' } }), {
        message: /^\/unified\/memory\.high cannot be enforced/,
      })
      const disk = { blockIO: { throttleReadBpsDevice: [{ major: 4000, minor: 7, rate: 1 }] } }
      await assert.rejects(update(disk), { field: '/blockIO/throttleReadBpsDevice' })
    })
  },
)

const checked = (wanted: object): Resources => checkLinuxResources(wanted, '', newFindings(), { live: true })

test(
  'X26: an ordinary user who may make no group has a container without, and is refused a limit by name',
  V1,
  async () => {
    const script = fileURLToPath(new URL('plan-as-user.ts', import.meta.url))
    const planned = (resources: object): { stdout: string; stderr: string } => {
      const words = ['--import', 'tsx', script, JSON.stringify(resources)]
      return spawnSync(process.execPath, words, { encoding: 'utf8', cwd: REPOSITORY })
    }
    const free = planned({ devices: [{ allow: false, access: 'rwm' }] })
    assert.deepEqual(JSON.parse(free.stdout), { spots: 0, notApplied: ['devices'] }, free.stderr)
    assert.match(
      planned({ pids: { limit: 3 } }).stdout,
      /^"\/linux\/resources\/pids\/limit cannot be enforced, because this user may make no group in/,
    )
  },
)

const FIXTURES = new URL('fixtures/', import.meta.url)

for (const file of readdirSync(FIXTURES).filter((name) => name.endsWith('-config.json'))) {
  test(`X30: the groups and limits of ${file} can be had here`, V1, async () => {
    const { linux } = JSON.parse(readFileSync(new URL(file, FIXTURES), 'utf8')) as { linux: { resources?: object } }
    const name = cgroupName('fixture')
    await withGroups({ cgroupsPath: `/${name}`, resources: linux.resources ?? {} }, ({ pid }) => {
      assert.ok(membershipsOf(pid).includes(`devices:/${name}`))
    })
  })
}
