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
  ok       manager           files: systemd is not PID 1 here
  ok       delegation        not needed by root where no systemd owns the tree
  ok       own limits        those of the own group bind sandboxes too
  ok       memory limit      v1 below /sys/fs/cgroup/memory/api/one
  ok       process limit     v1 below /sys/fs/cgroup/pids
  ok       cpu limit         v1 below /sys/fs/cgroup/cpu
  ok       cpu binding       v1 below /sys/fs/cgroup/cpuset
  missing  io limit          this host has no blkio controller
                             remedy: mkdir /sys/fs/cgroup/blkio; mount -t cgroup -o blkio none /sys/fs/cgroup/blkio
  ok       swap limit        counted with memory
  ok       cgroup.kill       v2 below /sys/fs/cgroup/unified
  ok       freezing          cgroup.freeze, v2 below /sys/fs/cgroup/unified
  ok       device rules      BPF programs on v2 groups

Security
  ok       seccomp filters   errno, kill_process
  ok       security modules  none active

Tools
  ok       cc                /usr/bin/cc

Sandboxes work here; 1 of 22 features are missing: io limit
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
    /^Sandboxes work here; 4 of 22 features are missing: cpu binding, io limit, device rules, cc$/,
  )
})

test('L56, X01: renderDoctor() says who makes groups, where, and whose limits bind them', () => {
  const lines = (facts: HostFacts): string => renderDoctor(facts, { color: false })
  const delegated = lines(factsOf(hosts.v2Delegated))
  assert.match(delegated, /ok {7}manager {11}files: \S+\/run-1.scope is delegated to this process\n/)
  assert.match(delegated, /ok {7}delegation {8}\S+\/run-1.scope has Delegate= in its unit\n/)
  const scope = lines(factsOf(hosts.v2SystemdRoot))
  assert.match(scope, /ok {7}manager {11}systemd: session-1.scope belongs to systemd and is not delegated\n/)
  assert.match(scope, /ok {7}cpu limit {9}v2 in a scope of systemd\n/)
  assert.match(scope, /ok {7}own limits {8}those of the slice bind/)
  const files = lines(factsOf({ ...hosts.v2SystemdRoot, sockets: [] }))
  assert.match(files, /ok {7}delegation {8}none: groups are made behind the back of systemd\n/)
  assert.match(
    files,
    /missing {2}own limits {8}groups are made below \S+, where limits of \S+\/session-1.scope do not bind them\n/,
  )
})

test('X19: renderDoctor() says whether groups can be frozen and have device rules, by which means', () => {
  const facts = factsOf(hosts.hybridSystemd)
  const old = {
    ...facts,
    cgroups: { ...facts.cgroups, unified: { ...facts.cgroups.unified, freeze: false } },
  } as HostFacts
  const freezer = { version: 1, parent: '/sys/fs/cgroup/freezer', usable: { ok: true } } as const
  const v1 = { ...old, cgroups: { ...old.cgroups, controllers: { ...old.cgroups.controllers, freezer } } }
  assert.match(renderDoctor(old, { color: false }), /missing {2}freezing {10}this kernel has no cgroup.freeze\n/)
  assert.match(renderDoctor(v1, { color: false }), /ok {7}freezing {10}v1 below \/sys\/fs\/cgroup\/freezer\n/)
  assert.match(renderDoctor(v1, { color: false }), /ok {7}device rules {6}v1 lists\n/)
  const user = renderDoctor(factsOf(hosts.v2Delegated), { color: false })
  assert.match(user, /missing {2}device rules {6}device rules need CAP_BPF and CAP_NET_ADMIN\n +remedy: \S/)
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
  const { facts: printed, ...rest } = JSON.parse(JSON.stringify(report)) as typeof report
  assert.deepEqual({ ...rest, facts }, report)
  assert.deepEqual(printed.cgroups.controllers.cpuset, { ...facts.cgroups.controllers.cpuset })
  assert.deepEqual([printed.kernel, printed.systemd], [facts.kernel, facts.systemd])
  assert.equal(report.ok, false, 'Linux 4.19 has no mount_setattr')
  assert.equal(report.facts, facts)
})
