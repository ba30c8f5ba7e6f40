import assert from 'node:assert/strict'
import { test } from 'node:test'
import { container, useOci } from '../../support/oci.ts'
import { usualMounts } from '../../support/oci-bundle.ts'
import { refused } from './expect.ts'

useOci()

test('OCI-C01: ociVersion is a version', () => {
  for (const ociVersion of [undefined, '', '1', '1.0', 'one', 'v1.0.2', '1.0.2.3']) refused({ ociVersion })
})

test('OCI-C58: annotations are a map of strings', () => {
  refused({ annotations: { key: 1 } })
  refused({ annotations: ['key'] })
})

test('OCI-C59: an annotation has a name', () => {
  refused({ annotations: { '': 'value' } })
})

test('OCI-C60, OCI-C61: unknown annotations and properties, wherever they are, are ignored', () => {
  const unknown = { later: { deep: [1] }, laterToo: 'x' }
  const one = container({
    ...unknown,
    annotations: { 'org.opencontainers.later': 'x' },
    process: { ...unknown, user: { ...unknown } },
    root: unknown,
    linux: { ...unknown, resources: { ...unknown, memory: unknown } },
    mounts: usualMounts().map((mount) => ({ ...mount, ...unknown })),
  })
  assert.equal(one.state().status, 'running')
})

test('OCI-C62: a number where a text belongs is refused', () => void refused({ hostname: 5 }))

test('OCI-C62: a text where a number belongs is refused', () => void refused({ process: { user: { uid: '0' } } }))

test('OCI-C62: a negative user is refused', () => void refused({ process: { user: { uid: -1 } } }))

test('OCI-C62: a user beyond 32 bits is refused', () => void refused({ process: { user: { uid: 2 ** 32 } } }))

test('OCI-C62: a text where a list belongs is refused', () => void refused({ process: { args: '/bin/true' } }))

test('OCI-C62: a number in the environment is refused', () => void refused({ process: { env: [5] } }))

test('OCI-C62: a namespace that there is not is refused', () =>
  void refused({ linux: { namespaces: [{ type: 'mount' }, { type: 'nosuch' }] } }))

test('OCI-C62: a propagation that there is not is refused', () =>
  void refused({ linux: { rootfsPropagation: 'nosuch' } }))

test('OCI-C62: a type of device that there is not is refused', () =>
  void refused({ linux: { devices: [{ path: '/dev/x', type: 'x', major: 1, minor: 3 }] } }))

test('OCI-C62: a seccomp action that there is not is refused', () =>
  void refused({ linux: { seccomp: { defaultAction: 'SCMP_ACT_NOSUCH' } } }))
