import assert from 'node:assert/strict'
import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, statSync, writeFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import type { Config, NamespaceType, Process } from '../../src/bundle/spec.ts'
import { capabilityMask } from '../../src/linux/index.ts'
import { decodeMountinfo } from '../../src/linux/mountinfo.ts'
import { ConsoleSocket } from '../support/console-socket.ts'
import { hierarchyOf } from '../support/hierarchies.ts'
import { Container, ociOk, stateRoot, useOci } from '../support/oci.ts'
import { isAlive, namespaceOf, statusField } from '../support/proc.ts'
import { requires } from '../support/requires.ts'
import { type Fixture, fixture, FIXTURE_NAMES } from './engine-fixture.ts'

// The configurations that engines wrote, run, and the kernel asked what became of every wish in them.

useOci()
const HERE = requires({ root: true, hierarchies: ['memory', 'cpu', 'cpuset', 'pids', 'devices'] })
const MEBI_64 = 64 * 2 ** 20

for (const name of FIXTURE_NAMES) {
  test(
    `X30: ${name}-config.json is created, started, entered, killed and deleted, and is what it asks for`,
    HERE,
    async () => {
      const made = fixture(name)
      const { config } = made
      const socket = config.process?.terminal ? await ConsoleSocket.listen() : undefined
      const one = new Container(made.bundle, socket ? { words: ['--console-socket', socket.path] } : {})
      assert.equal(one.made.status, 0, one.made.stderr)
      await socket?.received()
      assert.equal(one.state().status, 'created')
      assert.equal(one.state().pid, one.pid)
      hookSawTheNetwork(made, one.pid)
      one.start()
      assert.equal(one.state().status, 'running')
      const { pid } = one
      const groups = groupsOf(pid)
      processIsAsAsked(pid, config)
      namespacesAreAsAsked(pid, config)
      mountsAreAsAsked(pid, config)
      groupIsAsAsked(pid, groups, config)
      entered(one, config)
      if (made.process) await executed(one, config, made.process)
      one.kill('KILL')
      await one.ended()
      assert.equal(one.state().status, 'stopped')
      one.delete()
      assert.ok(!existsSync(join(stateRoot(), one.id)))
      for (const each of groups.values())
        assert.ok(each.own || !existsSync(each.directory), `${each.directory} is left`)
    },
  )
}

/** docker’s hook: it runs before `create` returns, and the state on its stdin leads to the container’s network. */
function hookSawTheNetwork({ config, hookResult }: Fixture, pid: number): void {
  const [hook] = config.hooks?.prestart ?? []
  if (!hook) return assert.ok(!existsSync(hookResult))
  const words = hook.args?.slice(1) ?? []
  assert.equal(readFileSync(hookResult, 'utf8').trim(), [namespaceOf(pid, 'net'), ...words].join(' '))
}

/** What this process can hand on: it may lack capabilities of the privileged. */
const grantable = (): bigint =>
  BigInt(`0x${statusField('self', 'CapPrm')}`) & BigInt(`0x${statusField('self', 'CapBnd')}`)

function processIsAsAsked(pid: number, { process, linux }: Config): void {
  const { user, capabilities, rlimits = [], noNewPrivileges = false, oomScoreAdj } = process as Process
  const userNamespace = linux?.uidMappings !== undefined
  const set = (names: readonly string[] | undefined): string => {
    const mask = capabilityMask(names as never)
    return (userNamespace ? mask : mask & grantable()).toString(16).padStart(16, '0')
  }
  assert.notEqual(set(capabilities?.bounding), '0'.repeat(16))
  assert.equal(statusField(pid, 'CapBnd'), set(capabilities?.bounding))
  assert.equal(statusField(pid, 'CapPrm'), set(capabilities?.permitted))
  assert.equal(statusField(pid, 'CapEff'), set(capabilities?.effective))
  // What is not inheritable cannot be ambient (capabilities(7)): buildah asks for it all the same.
  for (const name of ['CapInh', 'CapAmb']) assert.equal(statusField(pid, name), '0'.repeat(16), name)
  assert.equal(statusField(pid, 'NoNewPrivs'), noNewPrivileges ? '1' : '0')
  assert.equal(statusField(pid, 'Seccomp'), linux?.seccomp ? '2' : '0')
  assert.equal(statusField(pid, 'Seccomp_filters'), linux?.seccomp ? '1' : '0')
  const onHost = (id: number): number => id + (linux?.uidMappings?.[0]?.hostID ?? 0)
  assert.equal(
    statusField(pid, 'Uid'),
    Array(4)
      .fill(onHost(user?.uid ?? 0))
      .join('\t'),
  )
  assert.equal(
    statusField(pid, 'Gid'),
    Array(4)
      .fill(onHost(user?.gid ?? 0))
      .join('\t'),
  )
  const sorted = [...(user?.additionalGids ?? [])].map(onHost).sort((a, b) => a - b)
  assert.deepEqual((statusField(pid, 'Groups').match(/\d+/g) ?? []).map(Number), sorted)
  assert.equal(statusField(pid, 'Umask'), (user?.umask ?? 0o022).toString(8).padStart(4, '0'))
  for (const { type, soft, hard } of rlimits) assert.deepEqual(limitOf(pid, type), [String(soft), String(hard)], type)
  if (oomScoreAdj !== undefined) assert.equal(readFileSync(`/proc/${pid}/oom_score_adj`, 'utf8'), `${oomScoreAdj}\n`)
}

const LIMIT_NAMES: Readonly<Record<string, string>> = {
  RLIMIT_NOFILE: 'Max open files',
  RLIMIT_NPROC: 'Max processes',
}

function limitOf(pid: number, type: string): readonly string[] {
  const name = LIMIT_NAMES[type] ?? assert.fail(type)
  const line =
    readFileSync(`/proc/${pid}/limits`, 'utf8')
      .split('\n')
      .find((each) => each.startsWith(name)) ?? ''
  return line.slice(name.length).trim().split(/\s+/).slice(0, 2)
}

const LINKS: Readonly<Record<NamespaceType, string>> = {
  ...{ pid: 'pid', network: 'net', mount: 'mnt', ipc: 'ipc', uts: 'uts', user: 'user', cgroup: 'cgroup', time: 'time' },
}

function namespacesAreAsAsked(pid: number, { linux }: Config): void {
  const wanted = linux?.namespaces?.map(({ type }) => type) ?? []
  assert.ok(wanted.length >= 4)
  for (const [type, link] of Object.entries(LINKS) as [NamespaceType, string][]) {
    assert.equal(namespaceOf(pid, link) !== namespaceOf('self', link), wanted.includes(type), type)
  }
  const [map] = linux?.uidMappings ?? []
  if (!map) return
  const rows = readFileSync(`/proc/${pid}/uid_map`, 'utf8').trim().split(/\s+/).map(Number)
  assert.deepEqual(rows, [map.containerID, map.hostID, map.size])
}

/** Options that /proc/PID/mountinfo shows as they were asked for */
const SHOWN = ['nosuid', 'nodev', 'noexec', 'ro']

function mountsAreAsAsked(pid: number, { root, mounts = [], linux }: Config): void {
  const table = decodeMountinfo(readFileSync(`/proc/${pid}/mountinfo`, 'utf8'))
  const at = (path: string) => table.findLast(({ mountPoint }) => mountPoint === path)
  assert.equal(at('/')?.options.includes('ro'), root?.readonly ?? false)
  for (const { destination, type, options = [] } of mounts) {
    const entry = at(destination) ?? assert.fail(`nothing is mounted at ${destination}`)
    if (type !== 'bind' && type !== 'cgroup') assert.equal(entry.type, type, destination)
    for (const each of SHOWN.filter((one) => options.includes(one))) {
      assert.ok(entry.options.includes(each), `${destination}: ${each} is not in ${entry.options.join()}`)
    }
    assert.deepEqual(entry.propagation, [], destination)
  }
  const inside = (path: string): string => `/proc/${pid}/root${path}`
  for (const { destination, source, type } of mounts.filter((each) => each.type === 'bind')) {
    const [shown, meant] = [statSync(inside(destination)), statSync(source ?? '')]
    assert.deepEqual([type, shown.dev, shown.ino], [type, meant.dev, meant.ino], destination)
  }
  for (const path of (linux?.maskedPaths ?? []).filter((each) => existsSync(inside(each)))) {
    assert.ok(at(path), `${path} is not masked`)
    if (lstatSync(inside(path)).isDirectory()) assert.deepEqual(readdirSync(inside(path)), [], path)
    else assert.equal(statSync(inside(path)).rdev, 0x103, path)
  }
  for (const path of (linux?.readonlyPaths ?? []).filter((each) => existsSync(inside(each)))) {
    assert.ok(at(path)?.options.includes('ro'), `${path} can be written`)
  }
  const isMasked = ['/proc/acpi', '/proc/timer_list', '/proc/keys', '/sys/firmware'].some((path) => at(path))
  assert.deepEqual([isMasked, at('/proc/sys') !== undefined], Array(2).fill(linux?.maskedPaths !== undefined))
  // Who lists all of the host's devices means its own terminals none the less (runtime-linux.md, "Dev symbolic links").
  if (readdirSync(inside('/dev')).includes('ptmx')) assert.equal(readlinkSync(inside('/dev/ptmx')), 'pts/ptmx')
  for (const { path, type, major = 0, minor = 0 } of (linux?.devices ?? []).filter(
    (each) => each.path !== '/dev/ptmx',
  )) {
    const node = lstatSync(inside(path))
    assert.equal(type === 'b' ? node.isBlockDevice() : node.isCharacterDevice(), true, path)
    assert.equal(node.rdev, (major << 8) | (minor & 0xff) | ((minor & ~0xff) << 12), path)
  }
}

interface Group {
  readonly directory: string
  /** That of this process: a hierarchy in which the container has none */
  readonly own: boolean
}

/** Groups of a process, by controller. */
function groupsOf(pid: number): ReadonlyMap<string, Group> {
  const lines = (who: number | 'self') => readFileSync(`/proc/${who}/cgroup`, 'utf8').trim().split('\n')
  const own = lines('self')
  const found = lines(pid).flatMap((line) => {
    const [, controllers = '', path = ''] = /^\d+:([^:]*):(.*)$/.exec(line) ?? []
    return controllers.split(',').flatMap((name): [string, Group][] => {
      const mount = hierarchyOf(name)
      return mount === undefined ? [] : [[name, { directory: join(mount, path), own: own.includes(line) }]]
    })
  })
  return new Map(found)
}

/** As config.json has it, which `Config` holds in another shape */
interface Resources {
  readonly memory?: { readonly limit?: number; readonly swap?: number }
  readonly cpu?: { readonly shares?: number; readonly quota?: number; readonly period?: number; readonly cpus?: string }
  readonly pids?: { readonly limit?: number }
  readonly devices?: readonly {
    readonly allow: boolean
    readonly type?: string
    readonly major?: number
    readonly minor?: number
    readonly access?: string
  }[]
}

function groupIsAsAsked(pid: number, groups: ReadonlyMap<string, Group>, { linux }: Config): void {
  const directory = (controller: string): string => groups.get(controller)?.directory ?? assert.fail(controller)
  const file = (controller: string, name: string): string =>
    readFileSync(join(directory(controller), name), 'utf8').trim()
  for (const controller of ['memory', 'cpu', 'cpuset', 'pids', 'devices']) {
    const path = linux?.cgroupsPath
    if (path !== undefined) assert.equal(directory(controller), join(hierarchyOf(controller) ?? '', path))
    assert.equal(groups.get(controller)?.own, false, controller)
    assert.deepEqual(file(controller, 'cgroup.procs').split('\n').map(Number), [pid])
  }
  const { memory = {}, cpu = {}, pids = {}, devices = [] } = (linux?.resources ?? {}) as unknown as Resources
  const values: readonly (readonly [controller: string, name: string, value: number | string | undefined])[] = [
    ['memory', 'memory.limit_in_bytes', memory.limit],
    ['memory', 'memory.memsw.limit_in_bytes', memory.swap],
    // Zero is docker’s word for "not given".
    ['cpu', 'cpu.shares', cpu.shares === 0 ? 1024 : cpu.shares],
    ['cpu', 'cpu.cfs_quota_us', cpu.quota],
    ['cpu', 'cpu.cfs_period_us', cpu.period],
    ['cpuset', 'cpuset.cpus', cpu.cpus],
    ['pids', 'pids.max', pids.limit],
  ]
  for (const [controller, name, value] of values) {
    if (value !== undefined) assert.equal(file(controller, name), String(value), name)
  }
  if (memory.limit !== undefined) assert.equal(memory.limit, MEBI_64)
  const allowed = file('devices', 'devices.list').split('\n')
  const isOpen = devices.length === 1 && devices[0]?.allow === true
  assert.equal(allowed.includes('a *:* rwm'), isOpen, allowed.join('; '))
  for (const { allow, type, major = '*', minor = '*', access } of devices.filter(() => !isOpen)) {
    if (type !== undefined)
      assert.equal(allowed.includes(`${type} ${major}:${minor} ${access}`), allow, allowed.join('; '))
  }
}

/** A process of an exec is in all that the container has. */
function entered(one: Container, { hostname: name, linux }: Config): void {
  const sysctls = Object.entries(linux?.sysctl ?? {})
  const files = sysctls.map(([key]) => `/proc/sys/${key.replaceAll('.', '/')}`)
  const { status, stdout, stderr } = one.exec(['sh', '-c', `hostname; cat ${files.join(' ')} < /dev/null; exit 3`])
  assert.equal(status, 3, stderr)
  assert.deepEqual(stdout.trim().split(/[\n\t]/), [
    name ?? hostname(),
    ...sysctls.flatMap(([, value]) => value.split(' ')),
  ])
}

/** The engine’s own exec: detached, by a file, with the terminal on a socket. */
async function executed(one: Container, config: Config, wanted: Process): Promise<void> {
  const { path } = one.bundle
  const [file, pidFile] = [join(path, 'process.json'), join(path, 'exec-pid')]
  writeFileSync(file, JSON.stringify({ ...wanted, args: ['sleep', '1000'] }))
  const socket = wanted.terminal ? await ConsoleSocket.listen() : undefined
  const words = socket ? ['--console-socket', socket.path] : []
  ociOk(['exec', '--process', file, '--detach', '--pid-file', pidFile, ...words, one.id])
  await socket?.received()
  const pid = Number(readFileSync(pidFile, 'utf8'))
  assert.ok(isAlive(pid))
  assert.equal(readFileSync(`/proc/${pid}/cmdline`, 'utf8'), 'sleep\x001000\0')
  assert.equal(readFileSync(`/proc/${pid}/cgroup`, 'utf8'), readFileSync(`/proc/${one.pid}/cgroup`, 'utf8'))
  for (const link of Object.values(LINKS)) assert.equal(namespaceOf(pid, link), namespaceOf(one.pid, link))
  processIsAsAsked(pid, { ...config, process: wanted })
  if (wanted.terminal) assert.match(readFileSync(`/proc/${pid}/stat`, 'utf8'), / 348\d\d -?\d+ /)
}
