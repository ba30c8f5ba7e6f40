import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseConfig } from './config/parse-config.ts'
import { defaultConfig } from './default-config.ts'

const privileged = defaultConfig({ arch: 'x64' })
const rootless = defaultConfig({ arch: 'arm64', rootless: { uid: 1000, gid: 1001 } })

test('defaultConfig() is a document that parseConfig() takes whole, without a warning', () => {
  for (const config of [privileged, rootless]) {
    assert.deepEqual(parseConfig(JSON.stringify(config)), {
      config: JSON.parse(JSON.stringify(config)) as unknown,
      warnings: [],
    })
  }
})

test('defaultConfig() gives few rights', () => {
  const { process, root, linux } = privileged
  assert.deepEqual(Object.keys(process!.capabilities!).sort(), ['bounding', 'effective', 'permitted'])
  assert.equal(process!.noNewPrivileges, true)
  assert.equal(root!.readonly, true)
  assert.equal(linux!.seccomp!.defaultAction, 'SCMP_ACT_ERRNO')
  assert.ok(linux!.maskedPaths!.includes('/proc/kcore'))
  assert.deepEqual(linux!.resources!.devices, [{ allow: false, access: 'rwm' }])
})

test('defaultConfig() for a user maps him to root, keeps the network of the host and asks for nothing that needs root', () => {
  const { linux, mounts } = rootless
  assert.deepEqual(linux!.uidMappings, [{ containerID: 0, hostID: 1000, size: 1 }])
  assert.deepEqual(linux!.gidMappings, [{ containerID: 0, hostID: 1001, size: 1 }])
  assert.deepEqual(
    linux!.namespaces!.map(({ type }) => type),
    ['user', 'pid', 'ipc', 'uts', 'mount', 'cgroup'],
  )
  assert.equal(linux!.resources, undefined)
  assert.deepEqual(mounts!.find(({ destination }) => destination === '/sys')!.options![0], 'rbind')
  assert.ok(!mounts!.some(({ options }) => options?.includes('gid=5')))
})
