import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseContainerJson } from '../container-json/parse-container-json.ts'
import { inOwnWords } from './own-words.ts'
import { toOci } from './to-oci.ts'

const config = parseContainerJson(
  JSON.stringify({
    namespaces: { NEWNS: true, NEWIPC: true },
    mount_config: {
      mounts: [
        { type: 'tmpfs', destination: '/one' },
        { type: 'tmpfs', destination: '/two' },
      ],
    },
  }),
)

test('inOwnWords() names the field of container.json that a pointer of the OCI configuration comes of', () => {
  const said = (text: string): string => inOwnWords(text, config)
  assert.equal(
    said('/process/apparmorProfile is given, but the kernel runs without apparmor'),
    '/apparmor_profile is given, but the kernel runs without apparmor',
  )
  assert.equal(said('/linux/resources/memory/limit must be'), '/cgroups/memory must be')
  assert.equal(said('ENOENT (step 3): /linux/namespaces: the pid'), 'ENOENT (step 3): /namespaces: the pid')
  assert.equal(said('/linux/devices/2/path is'), '/mount_config/device_nodes/2/path is')
  assert.equal(said('/process/args/0 cannot be executed'), 'The command cannot be executed')
})

test('inOwnWords() counts mounts as container.json does, and leaves paths and what it does not know alone', () => {
  const { mounts = [] } = toOci(config, { arch: 'x64', args: ['true'], user: { uid: 0, gid: 0, groups: [] } })
  const index = mounts.findIndex(({ destination }) => destination === '/two')
  assert.equal(inOwnWords(`/two (/mounts/${index}): EINVAL`, config), '/two (/mount_config/mounts/1): EINVAL')
  const others = ['/dev (/mounts/1)', `/mounts/${mounts.length} is`, '/srv/process/cwd: ENOENT', '/process/environ']
  for (const text of others) assert.equal(inOwnWords(text, config), text)
})
