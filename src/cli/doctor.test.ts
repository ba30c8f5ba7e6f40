import assert from 'node:assert/strict'
import { test } from 'node:test'
import { stripVTControlCharacters } from 'node:util'
import * as hosts from '../../test/host/recorded-hosts.ts'
import type { HostFacts } from '../host/facts.ts'
import { readHostFacts } from '../host/probe.ts'
import { doctorJson, renderDoctor } from './doctor.ts'

const factsOf = (recording: hosts.Recording): HostFacts => readHostFacts(hosts.recordedSource(recording))

test('renderDoctor() prints one line per feature, and reason and remedy of a missing one', () => {
  assert.equal(
    renderDoctor(factsOf(hosts.hybridRoot), { color: false }),
    `System
  ok       kernel            Linux 6.18.44, x64
  ok       sealed agent      memfds may be executed
  ok       fresh /proc       user namespaces may mount procfs

Namespaces
  ok       kinds             user mnt pid net uts ipc cgroup time
  ok       user namespaces   made as root

Identity
  ok       user              uid 0, gid 0, 41 capabilities
  ok       id ranges         any, as root

Cgroups (hybrid)
  ok       memory limit      v1 below /sys/fs/cgroup/memory/api/one
  ok       process limit     v1 below /sys/fs/cgroup/pids
  ok       cpu limit         v1 below /sys/fs/cgroup/cpu
  ok       cpu binding       v1 below /sys/fs/cgroup/cpuset
  missing  io limit          this host has no blkio controller
                             remedy: mkdir /sys/fs/cgroup/blkio; mount -t cgroup -o blkio none /sys/fs/cgroup/blkio
  ok       swap limit        counted with memory
  ok       cgroup.kill       v2 below /sys/fs/cgroup/unified

Security
  ok       seccomp filters   errno, kill_process
  ok       security modules  none active

Tools
  ok       cc                /usr/bin/cc

Sandboxes work here; 1 of 17 features are missing: io limit
`,
  )
})

test('renderDoctor() says first of all whether sandboxes can be made', () => {
  const last = (facts: HostFacts): string | undefined =>
    renderDoctor(facts, { color: false }).trimEnd().split('\n').at(-1)
  assert.equal(last(factsOf(hosts.v2Session)), 'Sandboxes cannot be made here: user namespaces')
  assert.equal(last(factsOf(hosts.wsl)), 'Sandboxes cannot be made here: kernel, sealed agent, user namespaces')
  assert.match(
    last(factsOf(hosts.v2Delegated)) ?? '',
    /^Sandboxes work here; 3 of 17 features are missing: cpu binding/,
  )
})

test('renderDoctor() prints trials, and a failed one is fatal', () => {
  const trials = [
    { name: 'a sandbox', answer: { ok: true } },
    {
      name: 'a user namespace',
      answer: { ok: false, reason: 'clone3 gave EPERM', remedy: 'allow it in the seccomp profile' },
    },
  ] as const
  const text = renderDoctor(factsOf(hosts.hybridRoot), { color: false, trials })
  assert.match(
    text,
    /Tried\n {2}ok {7}a sandbox\n {2}missing {2}a user namespace +clone3 gave EPERM\n +remedy: allow it/,
  )
  assert.match(text, /\nSandboxes cannot be made here: a user namespace\n$/)
})

test('renderDoctor() gives every missing feature of every host a reason and a remedy, the same text each time', () => {
  for (const recording of Object.values(hosts.RECORDINGS)) {
    const facts = factsOf(recording)
    const text = renderDoctor(facts, { color: false })
    const count = (pattern: RegExp): number => text.match(pattern)?.length ?? 0
    assert.equal(count(/^ {2}missing {2}/gm), count(/^ +remedy: \S/gm))
    assert.equal(count(/^ {2}(ok|missing) /gm), doctorJson(facts).rows.length)
    assert.equal(text, renderDoctor(facts, { color: false }))
    assert.equal(stripVTControlCharacters(renderDoctor(facts, { color: true })), text)
  }
})

test('renderDoctor() lets no control characters of group names through', () => {
  const facts = factsOf(hosts.hybridRoot)
  const pids = { version: 1, parent: '/sys/\u001b[2J\u009b', usable: { ok: true } } as const
  const text = renderDoctor({ ...facts, cgroups: { ...facts.cgroups, controllers: { pids } } }, { color: false })
  assert.match(text, /v1 below \/sys\/\?\[2J\?/)
})

test('doctorJson() survives JSON and carries the facts', () => {
  const facts = factsOf(hosts.v1Root)
  const report = doctorJson(facts)
  assert.deepEqual(JSON.parse(JSON.stringify(report)), report)
  assert.equal(report.ok, false, 'Linux 4.19 has no mount_setattr')
  assert.equal(report.facts, facts)
})
