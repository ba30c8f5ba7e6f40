import { readHostFacts } from '../../src/host/probe.ts'
import { explainPlan } from '../../src/plan/explain.ts'
import { planCommand, planSandbox } from '../../src/plan/plan-sandbox.ts'
import type { Settings } from '../../src/plan/settings.ts'
import type { SandboxOptions } from '../../src/sandbox/index.ts'
import { parseOptions } from '../../src/sandbox/parse-options.ts'
import { RECORDINGS, recordedSource } from '../host/recorded-hosts.ts'

/** A typical sandbox on a typical host. */
export interface Case {
  readonly name: string
  readonly title: string
  readonly host: keyof typeof RECORDINGS
  readonly options: SandboxOptions
  /** What only a look at the host's files tells, as it was found there */
  readonly found?: Partial<Settings>
  readonly command: readonly [path: string, ...args: string[]]
  /** The terminal's descriptor, when the command has one */
  readonly terminal?: number
}

const DATA = {
  source: '/srv/data',
  target: '/home/user/data',
  directory: true,
  owner: { uid: 1000, gid: 1000 },
} as const
const ROOTFS: NonNullable<Settings['rootfs']> = {
  path: '/srv/debian',
  entries: [
    { name: 'bin', kind: 'symlink', target: 'usr/bin' },
    ...(['usr', 'var', 'dev', 'proc'] as const).map((name) => ({ name, kind: 'directory' }) as const),
    { name: 'etc/passwd', kind: 'file' },
    { name: 'etc/debian_version', kind: 'file' },
    { name: 'etc/apt', kind: 'directory' },
  ],
}

export const CASES: readonly Case[] = [
  {
    ...{ name: 'default-v1', title: 'The default sandbox, started by root on a host with cgroup v1' },
    ...{ host: 'v1Root', options: {}, command: ['/bin/true'] },
  },
  {
    ...{
      name: 'default-hybrid',
      title: 'The default sandbox, started by root where v1 controllers and a v2 tree stand side by side',
    },
    ...{ host: 'hybridRoot', options: {}, command: ['python3', '-c', 'print(6*7)'] },
  },
  {
    ...{ name: 'limits-v2', title: 'All limits, started by root on a host with cgroup v2 and systemd' },
    ...{
      host: 'v2SystemdRoot',
      options: { memory: '256M', pids: 64, cpus: 0.5, rlimits: { RLIMIT_NOFILE: 256 } },
      command: ['/bin/true'],
    },
  },
  {
    ...{
      name: 'rootless-single',
      title: 'The default sandbox, started by an ordinary user with one id and no groups of its own',
    },
    ...{ host: 'wsl', options: {}, command: ['/bin/true'] },
  },
  {
    ...{
      name: 'rootless-range',
      title: 'The default sandbox, started by an ordinary user with a delegated group and ranges of ids',
    },
    ...{ host: 'v2Delegated', options: { memory: '256M' }, command: ['/bin/true'] },
  },
  {
    ...{
      name: 'rootfs-binds',
      title: 'A root file system, binds, a terminal, capabilities and the host’s network, started by root',
    },
    ...{
      host: 'hybridRoot',
      options: { capabilities: ['CAP_CHOWN'], net: 'host', workdir: '/' },
      command: ['/bin/sh', '-i'],
      terminal: 5,
    },
    found: {
      rootfs: ROOTFS,
      binds: [
        { ...DATA, readOnly: false },
        { ...DATA, source: '/srv/motd', target: '/etc/motd', directory: false, readOnly: true },
      ],
    },
  },
]

const IDENTITY: Settings['identity'] = {
  id: 'example1',
  owner: { pid: 1, start: 42, pidns: 4_026_531_836 },
  created: '2026-11-22T12:00:00.000Z',
  recordDirectory: '/run/carrel',
}

/** The whole plan of a case as text. What differs between runs is fixed: the names and ranges that are drawn, this process's pid. */
export function planText({ host, options, found, command: [path, ...args], terminal }: Case): string {
  const facts = readHostFacts(recordedSource(RECORDINGS[host]))
  const drawn = parseOptions(
    { hostname: 'room', etc: { 'resolv.conf': 'nameserver 192.0.2.1\n' }, ...options },
    () => 0.5,
  )
  const settings: Settings = { ...drawn, identity: IDENTITY, ...found }
  const plan = planSandbox(settings, facts)
  const command = { path, argv: [path, ...args], env: settings.env, workdir: settings.workdir, rlimits: plan.rlimits }
  return explainPlan(plan, planCommand(plan, terminal === undefined ? command : { ...command, terminal }))
}
