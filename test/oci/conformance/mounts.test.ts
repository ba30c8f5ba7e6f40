import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { chownSync, mkdirSync, readlinkSync, statSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import {
  bundle,
  type Changes,
  container,
  type Container,
  run,
  scratch,
  script,
  undoAfterTest,
  useOci,
} from '../../support/oci.ts'
import { usualMounts, writeConfig } from '../../support/oci-bundle.ts'
import { mountAt, mountsOf, refused } from './expect.ts'

useOci()

const ONE_ID = [{ containerID: 0, hostID: 70000, size: 1000 }]

/** A container with more mounts, each on a path of its own. */
const mounted = (...mounts: readonly Changes[]): Container => container({ mounts: [...usualMounts(), ...mounts] })

/** A tmpfs for each set of options, at /m0, /m1 … */
function tmpfs(...sets: readonly (readonly string[])[]): Container {
  return mounted(...sets.map((options, at) => ({ destination: `/m${at}`, type: 'tmpfs', source: 'tmpfs', options })))
}

/** A folder of the host with a mount of its own below it: `below`. */
function folderWithMount(options = 'rw'): string {
  const folder = scratch('folder')
  mkdirSync(join(folder, 'below'), { recursive: true })
  writeFileSync(join(folder, 'upper'), 'upper')
  execFileSync('mount', ['-t', 'tmpfs', 'tmpfs', join(folder, 'below')])
  undoAfterTest(() => void execFileSync('umount', ['-R', join(folder, 'below')]))
  writeFileSync(join(folder, 'below/lower'), 'lower')
  execFileSync('mount', ['-o', `remount,bind,${options}`, join(folder, 'below')])
  return folder
}

test('OCI-C04: a read-only root cannot be written, another can', () => {
  const text = 'touch /file && echo written; touch /tmp/file && echo written'
  assert.equal(run({ root: { readonly: true }, process: script(text) }).stdout, '')
  assert.equal(run({ process: script(text) }).stdout, 'written\nwritten\n')
  const one = container({ root: { readonly: true } })
  assert.ok(mountAt(one.pid, '/').options.includes('ro'))
})

test('OCI-C05: mounts are made in the listed order', () => {
  const mount = (destination: string, size: string): Changes => ({
    destination,
    type: 'tmpfs',
    source: size,
    options: [`size=${size}`],
  })
  const one = mounted(mount('/a', '64k'), mount('/a/b', '128k'), mount('/a', '256k'), mount('/a/c', '512k'))
  const own = mountsOf(one.pid).filter(({ mountPoint }) => mountPoint.startsWith('/a'))
  assert.deepEqual(
    own.map(({ mountPoint, source }) => [mountPoint, source]),
    [
      ['/a', '64k'],
      ['/a/b', '128k'],
      ['/a', '256k'],
      ['/a/c', '512k'],
    ],
  )
})

test('OCI-C06: a relative destination is below the root', () => {
  const one = mounted({ destination: 'rel/ative', type: 'tmpfs', source: 'tmpfs' })
  assert.equal(mountAt(one.pid, '/rel/ative').type, 'tmpfs')
})

test('OCI-C07, OCI-C11: bind mounts of folders and files, by absolute paths and relative to the bundle', () => {
  const made = bundle()
  mkdirSync(join(made.path, 'share'))
  writeFileSync(join(made.path, 'share/file'), 'shared')
  const bind = (destination: string, source: string, option: string): Changes => ({
    destination,
    source,
    options: [option],
  })
  writeConfig(made.path, {
    ...made.config,
    process: {
      ...(made.config['process'] as Changes),
      ...script('cat /folder/file /file /again/file; echo new > /folder/new'),
    },
    mounts: [
      ...usualMounts(),
      bind('/folder', 'share', 'bind'),
      bind('/file', join(made.path, 'share/file'), 'rbind'),
      { ...bind('/again', join(made.path, 'share'), 'rbind'), type: 'none' },
    ],
  })
  const outcome = run(made)
  assert.equal(outcome.stdout, 'sharedsharedshared', outcome.stderr)
  assert.equal(execFileSync('cat', [join(made.path, 'share/new')], { encoding: 'utf8' }), 'new\n')
})

test('OCI-C11: rbind takes what is mounted below with it, bind does not', () => {
  const source = folderWithMount()
  const one = mounted(
    { destination: '/all', source, options: ['rbind'] },
    { destination: '/only', source, options: ['bind'] },
  )
  assert.equal(mountAt(one.pid, '/all/below').type, 'tmpfs')
  const points = mountsOf(one.pid).map(({ mountPoint }) => mountPoint)
  assert.ok(points.includes('/only'))
  assert.ok(!points.includes('/only/below'))
})

test('OCI-C08: flags of mounts', () => {
  const one = tmpfs(['ro', 'nosuid', 'nodev', 'noexec'], ['rw', 'suid', 'dev', 'exec'])
  const { options } = mountAt(one.pid, '/m0')
  for (const option of ['ro', 'nosuid', 'nodev', 'noexec']) assert.ok(options.includes(option), option)
  assert.deepEqual(mountAt(one.pid, '/m1').options, ['rw', 'relatime'])
})

test('OCI-C08, OCI-C09, OCI-C10: the last of two opposites holds', () => {
  const one = tmpfs(
    ['nosuid', 'suid', 'ro', 'rw', 'nodev', 'dev'],
    ['noatime', 'atime'],
    ['sync', 'async', 'lazytime', 'nolazytime'],
  )
  assert.deepEqual(mountAt(one.pid, '/m0').options, ['rw', 'relatime'])
  assert.deepEqual(mountAt(one.pid, '/m1').options, ['rw', 'relatime'])
  for (const option of ['sync', 'lazytime']) assert.ok(!mountAt(one.pid, '/m2').superOptions.includes(option), option)
})

test('OCI-C08: flags of bind mounts', () => {
  const source = scratch('folder')
  mkdirSync(source)
  const bind = (destination: string, options: readonly string[]): Changes => ({ destination, source, options })
  const one = mounted(
    bind('/m0', ['bind', 'ro', 'nosuid', 'nodev', 'noexec']),
    bind('/m1', ['rbind', 'ro']),
    bind('/m2', ['bind']),
  )
  for (const option of ['ro', 'nosuid', 'nodev', 'noexec'])
    assert.ok(mountAt(one.pid, '/m0').options.includes(option), option)
  assert.ok(mountAt(one.pid, '/m1').options.includes('ro'))
  assert.ok(mountAt(one.pid, '/m2').options.includes('rw'))
})

test('OCI-C09: access times', () => {
  const sets = [['noatime'], ['strictatime'], ['relatime'], ['nodiratime'], ['atime', 'diratime']]
  const one = tmpfs(...sets, ['nostrictatime'], ['norelatime'])
  const times = (at: number): string =>
    mountAt(one.pid, `/m${at}`)
      .options.filter((each) => each.endsWith('time'))
      .join()
  assert.deepEqual([0, 1, 2, 3, 4, 5].map(times), [
    'noatime',
    '',
    'relatime',
    'nodiratime,relatime',
    'relatime',
    'relatime',
  ])
})

test('OCI-C10: sync, dirsync and lazytime are of the file system', () => {
  const one = tmpfs(['sync', 'dirsync', 'lazytime'], ['async', 'nolazytime'])
  for (const option of ['sync', 'dirsync', 'lazytime']) {
    assert.ok(mountAt(one.pid, '/m0').superOptions.includes(option), option)
    assert.ok(!mountAt(one.pid, '/m1').superOptions.includes(option), option)
  }
})

test('OCI-C12: propagation of mounts', () => {
  const source = folderWithMount()
  const kinds = ['private', 'shared', 'slave', 'unbindable', 'rprivate', 'rshared', 'rslave', 'runbindable']
  const one = mounted(...kinds.map((kind) => ({ destination: `/${kind}`, source, options: ['rbind', kind] })))
  const propagation = (path: string): string =>
    mountAt(one.pid, path)
      .propagation.map((each) => each.replace(/:.*/, ''))
      .join()
  const expected = {
    private: '',
    shared: 'shared',
    unbindable: 'unbindable',
    rprivate: '',
    rshared: 'shared',
    runbindable: 'unbindable',
  }
  for (const [kind, value] of Object.entries(expected)) assert.equal(propagation(`/${kind}`), value, kind)
  for (const kind of ['rprivate', 'rshared', 'runbindable']) {
    assert.equal(propagation(`/${kind}/below`), expected[kind as 'rshared'], kind)
  }
  // A slave of a private mount of the host has no master.
  for (const kind of ['slave', 'rslave']) assert.ok(!propagation(`/${kind}`).includes('shared'), kind)
})

/** The option changes nothing that could be seen, and is no error. */
function known(option: string): void {
  assert.equal(mountAt(tmpfs([option]).pid, '/m0').type, 'tmpfs')
}

test('OCI-C13: defaults is known', () => known('defaults'))
test('OCI-C13: silent is known', () => known('silent'))
test('OCI-C13: loud is known', () => known('loud'))
test('OCI-C13: iversion is known', () => known('iversion'))
test('OCI-C13: noiversion is known', () => known('noiversion'))

test('OCI-C13: remount changes what is mounted already', () => {
  const first = { destination: '/m', type: 'tmpfs', source: 'tmpfs' }
  const one = mounted({ ...first, options: ['size=64k'] }, { ...first, options: ['remount', 'ro', 'size=128k'] })
  const own = mountsOf(one.pid).filter(({ mountPoint }) => mountPoint === '/m')
  assert.equal(own.length, 1)
  assert.ok([...(own[0]?.options ?? []), ...(own[0]?.superOptions ?? [])].includes('ro'))
  assert.ok(own[0]?.superOptions.includes('size=128k'))
})

test('OCI-C14: nosymfollow', () => {
  const one = tmpfs(['nosymfollow'], ['nosymfollow', 'symfollow'])
  assert.ok(mountAt(one.pid, '/m0').options.includes('nosymfollow'))
  assert.ok(!mountAt(one.pid, '/m1').options.includes('nosymfollow'))
})

test('OCI-C15: recursive flags hold below too', () => {
  const flags = ['ro', 'nosuid', 'nodev', 'noexec']
  const [plain, strict] = [folderWithMount(), folderWithMount(flags.join())]
  const one = mounted(
    { destination: '/a', source: plain, options: ['rbind', 'rro', 'rnosuid', 'rnodev', 'rnoexec'] },
    { destination: '/b', source: strict, options: ['rbind', 'rrw', 'rsuid', 'rdev', 'rexec'] },
    { destination: '/c', source: plain, options: ['rbind', 'ro'] },
  )
  const has = (path: string): readonly string[] => flags.filter((flag) => mountAt(one.pid, path).options.includes(flag))
  for (const path of ['/a', '/a/below']) assert.deepEqual(has(path), flags, path)
  for (const path of ['/b', '/b/below']) assert.deepEqual(has(path), [], path)
  assert.deepEqual(has('/c'), ['ro'])
  assert.deepEqual(has('/c/below'), [])
})

test('OCI-C16: recursive access times and rnosymfollow hold below too', () => {
  const source = folderWithMount()
  const sets = [
    ['rnoatime'],
    ['rstrictatime'],
    ['rrelatime'],
    ['rnodiratime'],
    ['rnosymfollow'],
    ['rnodiratime', 'rdiratime'],
    ['rnosymfollow', 'rsymfollow'],
  ]
  const one = mounted(
    ...sets.map((options, at) => ({ destination: `/m${at}`, source, options: ['rbind', ...options] })),
  )
  for (const below of ['', '/below']) {
    const options = (at: number): readonly string[] => mountAt(one.pid, `/m${at}${below}`).options
    assert.ok(options(0).includes('noatime'), below)
    assert.ok(!options(1).some((each) => ['noatime', 'relatime'].includes(each)), below)
    assert.ok(options(2).includes('relatime'), below)
    assert.ok(options(3).includes('nodiratime'), below)
    assert.ok(options(4).includes('nosymfollow'), below)
    assert.ok(!options(5).includes('nodiratime'), below)
    assert.ok(!options(6).includes('nosymfollow'), below)
  }
})

test('OCI-C17: idmap shows the owners of a mount through its mappings', () => {
  const source = scratch('folder')
  mkdirSync(source)
  chownSync(source, 0, 0)
  const mapping = { uidMappings: ONE_ID, gidMappings: ONE_ID }
  const mounts = [...usualMounts(), { destination: '/m', source, options: ['bind', 'idmap'], ...mapping }]
  const user = {
    uidMappings: [{ containerID: 0, hostID: 70000, size: 1000 }],
    gidMappings: [{ containerID: 0, hostID: 70000, size: 1000 }],
  }
  const namespaces = ['pid', 'mount', 'ipc', 'uts', 'network', 'user'].map((type) => ({ type }))
  const outcome = run(
    { mounts, process: script('stat -c %u:%g /m'), linux: { namespaces, ...user } },
    { prepare: giveAway },
  )
  assert.equal(outcome.stdout, '0:0\n', outcome.stderr)
})

/** A root that the mapped root owns. */
const giveAway = (root: string): void => void execFileSync('chown', ['-hR', '70000:70000', root])

test('OCI-C18: idmap with neither mappings nor a user namespace is refused', () => {
  refused({ mounts: [...usualMounts(), { destination: '/m', source: '/tmp', options: ['bind', 'idmap'] }] })
})

test('OCI-C19: ridmap maps what is mounted below as well', () => {
  const source = folderWithMount()
  const mapping = {
    uidMappings: [{ containerID: 0, hostID: 1000, size: 10 }],
    gidMappings: [{ containerID: 0, hostID: 1000, size: 10 }],
  }
  const mount = (destination: string, option: string): Changes => ({
    destination,
    source,
    options: ['rbind', option],
    ...mapping,
  })
  const process = script('for each in /r /r/below /i /i/below; do stat -c %u $each; done')
  const outcome = run({ mounts: [...usualMounts(), mount('/r', 'ridmap'), mount('/i', 'idmap')], process })
  assert.equal(outcome.stdout, '1000\n1000\n1000\n0\n', outcome.stderr)
})

test('OCI-C20: unknown options are of the file system', () => {
  const one = tmpfs(['size=4096k', 'mode=711', 'uid=7', 'nr_inodes=99'])
  const { superOptions } = mountAt(one.pid, '/m0')
  for (const option of ['size=4096k', 'mode=711', 'uid=7', 'nr_inodes=99'])
    assert.ok(superOptions.includes(option), option)
  refused({
    mounts: [...usualMounts(), { destination: '/m', type: 'tmpfs', source: 'tmpfs', options: ['no-such-option'] }],
  })
})

test('OCI-C21: tmpcopyup copies files, folders, links and modes', () => {
  const mounts = [...usualMounts(), { destination: '/full', type: 'tmpfs', source: 'tmpfs', options: ['tmpcopyup'] }]
  const process = script(
    'cat /full/file /full/deep/file; readlink /full/link; stat -c %a /full/file; stat -f -c %T /full',
  )
  const prepare = (root: string): void => symlinkSync('target', join(root, 'full/link'))
  const outcome = run({ mounts, process }, { files: { 'full/file': 'a\n', 'full/deep/file': 'b\n' }, prepare })
  assert.equal(outcome.stdout, 'a\nb\ntarget\n644\ntmpfs\n', outcome.stderr)
})

test('OCI-C22: uidMappings of a mount need gidMappings, and the other way round', () => {
  const mount = { destination: '/m', source: '/tmp', options: ['bind', 'idmap'] }
  refused({ mounts: [...usualMounts(), { ...mount, uidMappings: ONE_ID }] })
  refused({ mounts: [...usualMounts(), { ...mount, gidMappings: ONE_ID }] })
})

test('OCI-C13, OCI-L15: /dev is remounted read-only, with all nodes in it', () => {
  const again = { destination: '/dev', type: 'tmpfs', source: 'tmpfs', options: ['remount', 'nosuid', 'ro'] }
  const { pid } = mounted(again)
  assert.ok(mountAt(pid, '/dev').options.includes('ro'))
  assert.equal(readlinkSync(`/proc/${pid}/root/dev/fd`), '/proc/self/fd')
  assert.ok(statSync(`/proc/${pid}/root/dev/urandom`).isCharacterDevice())
})

test('OCI-C05: a cgroup2 mount has the source that is asked for', () => {
  const own = { destination: '/mine', type: 'cgroup2', source: 'mine' }
  const types = ['pid', 'network', 'mount', 'ipc', 'uts', 'cgroup']
  const { pid } = container({
    mounts: [...usualMounts(), own],
    linux: { namespaces: types.map((type) => ({ type })) },
  })
  assert.equal(mountAt(pid, '/mine').source, 'mine')
})
