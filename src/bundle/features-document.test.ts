import assert from 'node:assert/strict'
import { test } from 'node:test'
import { featuresDocument } from './features-document.ts'
import { parseMountOptions } from './mounts/mount-options.ts'

interface Features {
  readonly mountOptions: readonly string[]
  readonly linux: { readonly seccomp: { readonly archs: readonly string[] } }
  readonly annotations: Readonly<Record<string, string>>
}

const features = featuresDocument({ arch: 'x64', version: '1.2.3' }) as Features

/** "MUST" and "SHOULD" of config.md#linux-mount-options. */
const NAMED =
  'async atime bind defaults dev diratime dirsync exec iversion lazytime loud noatime nodev nodiratime noexec noiversion nolazytime norelatime nostrictatime nosuid nosymfollow private ratime rbind rdev rdiratime relatime remount rexec rnoatime rnodiratime rnoexec rnorelatime rnostrictatime rnosuid rnosymfollow ro rprivate rrelatime rro rrw rshared rslave rstrictatime rsuid rsymfollow runbindable rw shared silent slave strictatime suid symfollow sync unbindable idmap ridmap'

test('featuresDocument() lists every mount option that the specification demands, once', () => {
  assert.deepEqual(
    NAMED.split(' ').filter((name) => !features.mountOptions.includes(name)),
    [],
  )
  assert.equal(new Set(features.mountOptions).size, features.mountOptions.length)
})

test('featuresDocument() lists no mount option that is handed to the file system as an unknown word', () => {
  for (const name of features.mountOptions) {
    const mount = { destination: '/x', source: '/y', options: ['bind', name] }
    assert.deepEqual(parseMountOptions(mount, '/mounts/0').data, [], name)
  }
})

test('featuresDocument() names the architectures of the machine and the version of the runtime', () => {
  assert.equal(features.linux.seccomp.archs[0], 'SCMP_ARCH_X86_64')
  assert.deepEqual((featuresDocument({ arch: 'arm64', version: '' }) as Features).linux.seccomp.archs, [
    'SCMP_ARCH_AARCH64',
  ])
  assert.equal(Object.values(features.annotations)[0], '1.2.3')
})
