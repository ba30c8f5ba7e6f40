import assert from 'node:assert/strict'
import { test } from 'node:test'
import { containerPath, mountFacts } from '../mounts/mount-facts.ts'
import { program } from '../../program/builder.ts'
import type { Config } from '../spec.ts'
import { containerNodes, hostNodes } from './device-list.ts'
import { maskSteps, sysctlSteps } from './finish-root.ts'
import { covered, makeTarget, prepareRootSteps, type Root } from './root.ts'

const CONFIG: Config = { ociVersion: '1.3.0', root: { path: 'rootfs' } }
const FACTS = { bundle: '/b', kinds: {}, userNamespace: false, nodesOfHost: false, privileged: true }

function started(config = CONFIG) {
  const p = program()
  const root = prepareRootSteps(p, config, FACTS, new Map())
  return { p, root, from: p.steps.length }
}

const linesFrom = ({ p, from }: ReturnType<typeof started>): string[] =>
  p.steps.slice(from).map((step) => `${step.name}(${step.printArgs()})`)

test('containerPath() never leads above the root', () => {
  for (const [path, shortest] of [
    ['/a/./b//c/', '/a/b/c'],
    ['a/../../b', '/b'],
    ['/..', '/'],
    ['', '/'],
  ] as const) {
    assert.equal(containerPath(path), shortest)
  }
})

test('makeTarget() makes one component at a time in a directory that it holds, and opens the whole within the root', () => {
  const start = started()
  makeTarget(start.p, start.root, '/a/b', 'file')
  const lines = linesFrom(start)
  assert.match(lines[0] as string, /^mkdirat\(r\d+, "a", /)
  assert.match(lines[1] as string, /^openat2\(r\d+, "a", .*O_DIRECTORY.*RESOLVE_NO_MAGICLINKS\|RESOLVE_IN_ROOT/)
  assert.match(lines[2] as string, /^mknodat\(r\d+, "b", /)
  assert.match(lines.at(-1) as string, /^openat2\(r\d+, "a\/b", .*RESOLVE_NO_MAGICLINKS\|RESOLVE_IN_ROOT/)
})

test('makeTarget() makes nothing twice, but again what a mount may have covered', () => {
  const { p, root } = started()
  const made = (): number => p.steps.filter(({ name }) => name === 'mkdirat').length
  makeTarget(p, root, '/a/b/c', 'directory')
  assert.equal(made(), 3)
  makeTarget(p, root, '/a/b/c', 'directory')
  assert.equal(made(), 3)
  covered(root, '/a')
  makeTarget(p, root, '/a/b', 'directory')
  assert.equal(made(), 4)
})

test('sysctlSteps() writes the file of each name, and refuses a name that leads elsewhere', () => {
  const { p, root } = started()
  sysctlSteps(p, root, { 'net.ipv4.conf.eth0/1.x': '1', 'kernel/shm_rmid_forced': '0' })
  const listing = String(p)
  assert.match(listing, /"sys\/net\/ipv4\/conf\/eth0\.1\/x", .*RESOLVE_NO_XDEV/)
  assert.match(listing, /"sys\/kernel\/shm_rmid_forced"/)
  for (const name of ['kernel..x', '.', 'kernel/../../x', '', '/kernel/x']) {
    assert.throws(() => sysctlSteps(p, root, { [name]: '1' }), /\/linux\/sysctl\/.* must be a kernel parameter/)
  }
})

test('maskSteps() does nothing for nothing', () => {
  const start = started()
  maskSteps(start.p, start.root as Root, [])
  assert.deepEqual(linesFrom(start), [])
})

test('containerNodes(): a node of the configuration stands for the default of its path, whatever bits its mode has', () => {
  const devices = [{ path: '/dev/./null', type: 'c', major: 1, minor: 3, fileMode: 0o20600 }]
  const nodes = containerNodes({ ...CONFIG, linux: { devices } }).filter(({ path }) => path === '/dev/null')
  assert.deepEqual(nodes, [{ path: '/dev/null', type: 0o020000, major: 1, minor: 3, mode: 0o600, uid: 0, gid: 0 }])
})

test('hostNodes(): none without a user namespace, and none that something else is mounted on', () => {
  const mounts = [{ destination: '/dev/zero', type: 'bind', source: '/x', options: ['bind'] }]
  assert.deepEqual(hostNodes({ ...CONFIG, mounts }, FACTS), [])
  const nodes = hostNodes({ ...CONFIG, mounts }, { ...FACTS, userNamespace: true, nodesOfHost: true })
  assert.ok(nodes.includes('/dev/null') && !nodes.includes('/dev/zero'))
})

test('mountFacts() asks for what the plan needs, and no more', () => {
  const mounts = [
    { destination: '/a', type: 'bind', source: 'x', options: ['bind'] },
    { destination: '/a', options: ['remount', 'bind', 'ro'] },
    { destination: '/t', type: 'tmpfs', source: 'tmpfs' },
  ]
  assert.deepEqual(mountFacts({ ...CONFIG, mounts }), { sources: ['x'], cgroups: false, rootMount: false })
  const cgroup = { destination: '/c', type: 'cgroup' }
  const linux = { rootfsPropagation: 'shared' } as const
  assert.deepEqual(mountFacts({ ...CONFIG, mounts: [cgroup], linux }), { sources: [], cgroups: true, rootMount: true })
})
