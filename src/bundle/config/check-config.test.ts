import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type Change, exampleText, refusal } from './example-config.ts'
import { parseConfig } from './parse-config.ts'

const MAPPING = { containerID: 0, hostID: 1000, size: 10 }

const WRONG: readonly (readonly [pointer: string, value: unknown, message: RegExp])[] = [
  ['/ociVersion', undefined, /^\/ociVersion is missing: say "1\.3\.0"$/],
  [
    '/ociVersion',
    '1.0',
    /^\/ociVersion must be a version in the form of SemVer 2\.0\.0, not "1\.0": write it like "1\.3\.0"$/,
  ],
  ['/ociVersion', 'v1.0.0', /^\/ociVersion must be a version/],
  ['/ociVersion', '1.0.0-rc.01', /^\/ociVersion must be a version/],
  ['/ociVersion', '2.0.0', /^\/ociVersion must be a 1\.x version, not "2\.0\.0"/],
  ['/ociVersion', '0.6.0', /^\/ociVersion must be a 1\.x version/],
  ['/ociVersion', 1, /^\/ociVersion must be text, not 1$/],
  ['/root', undefined, /^\/root is missing/],
  ['/root', {}, /^\/root\/path is missing/],
  ['/root/path', '', /^\/root\/path must not be empty/],
  ['/root/readonly', 'true', /^\/root\/readonly must be true or false/],
  ['/hostname', 5, /^\/hostname must be text/],
  ['/hostname', 'x'.repeat(65), /^\/hostname must be at most 64 bytes/],
  ['/domainname', 'a\nb', /^\/domainname must be one line/],
  ['/annotations', { '': 'x' }, /^\/annotations\/ must have a name/],
  ['/annotations', { 'a/b': 1 }, /^\/annotations\/a~1b must be text, not 1$/],
  ['/annotations', [], /^\/annotations must be an object/],
  ['/vm', { kernel: { path: '/x' } }, /^\/vm asks for a virtual machine/],
  ['/linux', 'x', /^\/linux must be an object/],
  ['/hooks', [], /^\/hooks must be an object/],
  ['/hooks/prestart', {}, /^\/hooks\/prestart must be a list/],
  ['/hooks/prestart', [{}], /^\/hooks\/prestart\/0\/path is missing/],
  ['/hooks/poststop', [{ path: 'x' }], /^\/hooks\/poststop\/0\/path must be an absolute path, not "x"/],
  [
    '/hooks/createRuntime',
    [{ path: '/x', timeout: 0 }],
    /^\/hooks\/createRuntime\/0\/timeout must be a whole number from 1/,
  ],
  ['/hooks/startContainer', [{ path: '/x', args: [1] }], /^\/hooks\/startContainer\/0\/args\/0 must be text/],
  ['/mounts', {}, /^\/mounts must be a list/],
  ['/mounts', [{ type: 'tmpfs' }], /^\/mounts\/0\/destination is missing/],
  ['/mounts', [{ destination: '', type: 'tmpfs' }], /^\/mounts\/0\/destination must not be empty/],
  ['/mounts', [{ destination: '/x' }], /^\/mounts\/0\/type is missing/],
  ['/mounts', [{ destination: '/x', type: 'bind' }], /^\/mounts\/0\/source is missing/],
  ['/mounts', [{ destination: '/x', options: ['rbind'] }], /^\/mounts\/0\/source is missing/],
  ['/mounts', [{ destination: '/x', type: 'tmpfs', options: 'ro' }], /^\/mounts\/0\/options must be a list/],
  [
    '/mounts',
    [{ destination: '/x', source: '/y', options: ['bind', 'idmap'] }],
    /^\/mounts\/0\/options\/1 needs a mapping/,
  ],
  [
    '/mounts',
    [{ destination: '/x', source: '/y', options: ['bind'], uidMappings: [MAPPING] }],
    /^\/mounts\/0\/gidMappings is missing/,
  ],
]

for (const [pointer, value, message] of WRONG) {
  test(`parseConfig() refuses ${pointer} ${JSON.stringify(value)?.slice(0, 80)}`, () => {
    assert.match(refusal([pointer, value]), message)
  })
}

const RIGHT: readonly Change[] = [
  ['/ociVersion', '1.0.2-dev'],
  ['/ociVersion', '1.0.0-rc5+git'],
  ['/process', undefined],
  ['/root/path', '/srv/root'],
  ['/hostname', ''],
  ['/annotations', { 'org.example.key': '' }],
  ['/hooks', { prestart: [], createContainer: [{ path: '/x', args: [], env: [], timeout: 1 }] }],
  ['/mounts', [{ destination: '/x', options: ['remount', 'ro'] }]],
  ['/mounts', [{ destination: '/x', options: ['rshared'] }]],
  [
    '/mounts',
    [{ destination: '/x', source: '/y', options: ['bind', 'idmap'], uidMappings: [MAPPING], gidMappings: [MAPPING] }],
  ],
]

test('parseConfig() accepts what the specification allows', () => {
  for (const change of RIGHT) assert.equal(refusal(change), 'accepted', JSON.stringify(change))
  assert.equal(refusal(['/linux', undefined]), 'accepted')
})

test('parseConfig() maps a mount by the container where it has a user namespace', () => {
  const mount: Change = ['/mounts', [{ destination: '/x', source: '/y', options: ['bind', 'ridmap'] }]]
  assert.match(refusal(mount), /needs a mapping/)
  const user: Change[] = [
    ['/linux/namespaces/5', { type: 'user' }],
    ['/linux/uidMappings', [MAPPING]],
    ['/linux/gidMappings', [MAPPING]],
  ]
  assert.equal(refusal(mount, ...user), 'accepted')
})

test('parseConfig() sets names only in a uts namespace, new or joined', () => {
  const namespaces = (...list: object[]): Change => ['/linux/namespaces', list]
  for (const key of ['/hostname', '/domainname']) {
    assert.match(
      refusal([key, 'x'], namespaces()),
      new RegExp(`^${key} needs a uts namespace, else it would change the host`),
    )
    assert.equal(refusal([key, 'x'], namespaces({ type: 'uts', path: '/proc/7/ns/uts' })), 'accepted')
  }
})

test('parseConfig() ignores unknown properties with one warning that names them all', () => {
  const { config, warnings } = parseConfig(
    exampleText(
      ['/a~1b', 1],
      ['/process/user/name', 'x'],
      ['/linux/namespaces/0/mode', 1],
      ['/linux/resources/memory/high', 5],
    ),
  )
  assert.deepEqual(warnings, [
    'Unknown properties are ignored: /a~1b, /process/user/name, /linux/namespaces/0/mode, /linux/resources/memory/high',
  ])
  assert.deepEqual(config.linux?.resources, { memory: {} })
})

test('parseConfig() warns about sections of other systems, newer versions and relative destinations', () => {
  const { warnings } = parseConfig(
    exampleText(['/windows', {}], ['/ociVersion', '1.4.0'], ['/mounts', [{ destination: 'x', type: 'tmpfs' }]]),
  )
  assert.deepEqual(warnings, [
    '/ociVersion is 1.4.0, newer than 1.3.0: what that added is not known here',
    '/mounts/0/destination is relative, which is deprecated, and is taken as below "/"',
    '/windows is for another system than Linux and is ignored',
  ])
})

test('parseConfig() refuses what needs a mount namespace of its own, and says what is not applied without one', () => {
  const joined: Change = ['/linux/namespaces/2/path', '/proc/1/ns/mnt']
  assert.match(refusal(joined, ['/root/readonly', true]), /^\/root\/readonly needs a new mount namespace: add/)
  assert.match(refusal(joined, ['/linux/sysctl', { 'net.core.somaxconn': '9' }]), /^\/linux\/sysctl needs a new/)
  const mounts: Change = ['/mounts', [{ destination: '/proc', type: 'proc' }]]
  const devices: Change = ['/linux/devices', [{ path: '/dev/null', type: 'c', major: 1, minor: 3 }]]
  const warned = (...changes: readonly Change[]): readonly string[] =>
    parseConfig(exampleText(mounts, devices, ...changes)).warnings.map((each) => each.split(' ')[0]!)
  assert.deepEqual(warned(), [])
  assert.deepEqual(warned(joined), ['/root', '/mounts', '/linux/devices'])
  assert.deepEqual(warned(['/linux/namespaces', [{ type: 'pid' }]]), ['/mounts', '/linux/devices'])
})
