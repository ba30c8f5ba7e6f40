import assert from 'node:assert/strict'
import {
  chmodSync,
  copyFileSync,
  existsSync,
  lchownSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { asUser, installForEverybody, USER } from '../rootless/ordinary-user.ts'
import { openFolder } from '../sandbox/build.ts'
import { checkMachine } from '../support/machine-check.ts'
import { makeRoot } from '../support/oci-bundle.ts'
import { RUNTIME } from '../support/oci.ts'
import { eventually } from '../support/eventually.ts'
import { isAlive, namespaceOf, statusField } from '../support/proc.ts'
import { requires } from '../support/requires.ts'

// An ordinary user makes containers, without any service of the machine but newuidmap(1).

const ROOT = requires({ root: true })
const HELPERS = requires({ root: true, program: '/usr/bin/newuidmap' })
const FIRST = 300_000
const RANGES = `${USER}:${FIRST}:65536\n`

let folder = ''
let command: readonly string[] = []
before(() => {
  if (ROOT.skip) return
  folder = openFolder('oci-rootless')
  const [program = '', ...words] = RUNTIME.command
  // What is built may lie in a folder that only its owner may read.
  command =
    words.length === 0 ? [join(folder, 'carrel-oci')] : [program, join(installForEverybody(), 'dist/oci/main.js')]
  if (words.length === 0) copyFileSync(program, join(folder, 'carrel-oci'))
  for (const name of ['bundle', 'session']) mkdirSync(join(folder, name))
  makeRoot(join(folder, 'bundle/rootfs'))
  chmodSync(join(folder, 'session'), 0o700)
  for (const name of ['bundle', 'session']) give(join(folder, name))
})
after(() => {
  if (folder) rmSync(folder, { recursive: true })
})
checkMachine()

function give(path: string): void {
  lchownSync(path, USER, USER)
  for (const entry of readdirSync(path, { withFileTypes: true })) {
    if (entry.isDirectory()) give(join(path, entry.name))
    else lchownSync(join(path, entry.name), USER, USER)
  }
}

interface Ended {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

/** A command as the user, with a session's XDG_RUNTIME_DIR; with `ranges`, in a mount namespace that has them in /etc/subuid. */
function user(words: readonly string[], ranges?: string): Ended {
  const script = `cd ${folder}/bundle; umask 077; XDG_RUNTIME_DIR=${folder}/session exec "$@" < /dev/null > out 2> err`
  const { status } = asUser(['sh', '-c', script, 'sh', ...command, ...words], { folder, ...(ranges ? { ranges } : {}) })
  const text = (name: string): string => readFileSync(join(folder, 'bundle', name), 'utf8')
  return { status, stdout: text('out'), stderr: text('err') }
}

function ok(words: readonly string[], ranges?: string): string {
  const { status, stdout, stderr } = user(words, ranges)
  assert.equal(status, 0, `${words.join(' ')}: ${stderr}`)
  return stdout
}

interface Json {
  [key: string]: unknown
}
type Spec = { process: Json; linux: Json & { namespaces: { type: string; path?: string }[] }; mounts: Json[] } & Json

/** What `spec --rootless` writes, changed. */
function specified(change: (spec: Spec) => void = () => {}): void {
  const path = join(folder, 'bundle/config.json')
  rmSync(path, { force: true })
  ok(['spec', '--rootless'])
  assert.equal(statSync(path).uid, USER)
  const spec = JSON.parse(readFileSync(path, 'utf8')) as Spec
  spec.process['terminal'] = false
  change(spec)
  writeFileSync(path, JSON.stringify(spec))
}

const shell = (spec: Spec, text: string): void => void (spec.process['args'] = ['sh', '-c', text])

/** The user’s own id as root, and the range from 1 on. */
function map(spec: Spec, size = 65_536): void {
  const mappings = [
    { containerID: 0, hostID: USER, size: 1 },
    { containerID: 1, hostID: FIRST, size },
  ]
  Object.assign(spec.linux, { uidMappings: mappings, gidMappings: mappings })
}

test('X13: spec --rootless is a configuration that an ordinary user runs, as root of its own ids alone', ROOT, () => {
  specified((spec) => shell(spec, 'id -u; cat /proc/self/uid_map /proc/self/setgroups; hostname; touch /x; exit 21'))
  const { status, stdout, stderr } = user(['run', 'one'])
  assert.equal(status, 21, stderr)
  assert.deepEqual(stdout.trim().split(/\s+/), ['0', '0', String(USER), '1', 'deny', 'carrel'])
  assert.match(stderr, /x: Read-only file system/)
  const again = user(['spec', '--rootless'])
  assert.notEqual(again.status, 0)
  assert.match(again.stderr, /config\.json exists already/)
})

const WAYS = [
  { way: 'one id', ranges: undefined, options: ROOT, inside: 0, onHost: USER, rows: [0, USER, 1] },
  {
    ...{ way: 'ranges of newuidmap(1)', ranges: RANGES, options: HELPERS, inside: 1000 },
    ...{ onHost: FIRST + 999, rows: [0, USER, 1, 1, FIRST, 65_536] },
  },
] as const

for (const { way, ranges, options, inside, onHost, rows } of WAYS) {
  test(`X13: with ${way}, an ordinary user creates, starts, enters, kills and deletes`, options, async () => {
    specified((spec) => {
      if (ranges) map(spec)
      spec.process['args'] = ['sleep', '1000']
      spec.process['user'] = { uid: inside, gid: inside, ...(ranges ? { additionalGids: [2000] } : {}) }
    })
    ok(['create', '--pid-file', 'pid', 'two'], ranges)
    const state = (): { status: string; pid: number } =>
      JSON.parse(ok(['state', 'two'])) as { status: string; pid: number }
    const directory = join(folder, 'session/carrel-oci')
    assert.deepEqual(readdirSync(directory), ['two'])
    for (const path of [directory, join(directory, 'two')]) {
      assert.deepEqual([statSync(path).uid, statSync(path).mode & 0o777], [USER, 0o700], path)
    }
    const pid = Number(readFileSync(join(folder, 'bundle/pid'), 'utf8'))
    assert.deepEqual([state().status, state().pid], ['created', pid])
    ok(['start', 'two'])
    assert.equal(state().status, 'running')
    assert.deepEqual(readFileSync(`/proc/${pid}/uid_map`, 'utf8').trim().split(/\s+/).map(Number), rows)
    assert.deepEqual(readFileSync(`/proc/${pid}/gid_map`, 'utf8').trim().split(/\s+/).map(Number), rows)
    assert.equal(statusField(pid, 'Uid'), Array(4).fill(onHost).join('\t'))
    assert.equal(statusField(pid, 'Gid'), Array(4).fill(onHost).join('\t'))
    assert.equal(statusField(pid, 'Groups'), ranges ? String(FIRST + 1999) : '')
    assert.equal(statusField(pid, 'Seccomp'), '2')
    for (const name of ['user', 'pid', 'ipc', 'uts', 'mnt']) {
      assert.notEqual(namespaceOf(pid, name), namespaceOf('self', name), name)
    }
    const exec = user(['exec', 'two', 'sh', '-c', 'id -u; readlink /proc/self/ns/user; exit 6'])
    assert.deepEqual([exec.status, exec.stdout], [6, `${inside}\n${namespaceOf(pid, 'user')}\n`], exec.stderr)
    assert.match(ok(['list']), new RegExp(`^two +${pid} +running `, 'm'))
    ok(['kill', 'two', 'KILL'])
    await eventually(
      () => !isAlive(pid),
      () => `${pid} lives`,
    )
    assert.equal(state().status, 'stopped')
    ok(['delete', 'two'])
    assert.deepEqual(readdirSync(directory), [])
  })
}

/** What an ordinary user cannot have, and what the message has to name. */
const REFUSED: readonly (readonly [what: string, change: (spec: Spec) => void, message: RegExp])[] = [
  [
    'ids that /etc/subuid does not grant',
    (spec) => map(spec),
    /newuidmap refused the mappings 0 12345 1 1 300000 65536: .*\/etc\/subuid/,
  ],
  [
    'groups where setgroups is denied',
    (spec) => (spec.process['user'] = { uid: 0, gid: 0, additionalGids: [10] }),
    /\/process\/user\/additionalGids cannot be had: .*setgroups/,
  ],
  [
    'a limit without a group of its own',
    (spec) => (spec.linux['resources'] = { memory: { limit: 2 ** 26 } }),
    /\/linux\/resources\/memory\/limit cannot be enforced, because this user may make no group/,
  ],
  [
    'a sysctl of the host',
    (spec) => (spec.linux['sysctl'] = { 'net.ipv4.ip_forward': '1' }),
    /\/linux\/sysctl\/net\.ipv4\.ip_forward needs a network namespace/,
  ],
  [
    'a device that the host does not have',
    (spec) => (spec.linux['devices'] = [{ path: '/dev/carrel-none', type: 'c', major: 1, minor: 3 }]),
    /carrel-none.*a user namespace cannot make a node/,
  ],
  [
    'a higher hard limit',
    (spec) => (spec.process['rlimits'] = [{ type: 'RLIMIT_NOFILE', soft: 1e7, hard: 1e7 }]),
    /RLIMIT_NOFILE.*needs CAP_SYS_RESOURCE of the host/,
  ],
  [
    'to be killed last',
    (spec) => (spec.process['oomScoreAdj'] = -500),
    /less than now needs CAP_SYS_RESOURCE of the host/,
  ],
  [
    'somebody else’s namespace',
    (spec) => spec.linux.namespaces.push({ type: 'network', path: '/proc/1/ns/net' }),
    /the network namespace at \/proc\/1\/ns\/net.*permission denied/,
  ],
  [
    'namespaces without a user namespace',
    (spec) => {
      spec.linux.namespaces = spec.linux.namespaces.filter(({ type }) => type !== 'user')
      delete spec.linux['uidMappings']
      delete spec.linux['gidMappings']
    },
    /\/linux\/namespaces holds none of type .*user.*: add .*\/linux\/uidMappings/,
  ],
  [
    'a user that no id is mapped to',
    (spec) => (spec.process['user'] = { uid: 1000, gid: 0 }),
    /\/process\/user\/uid .*1000/,
  ],
]

for (const [what, change, message] of REFUSED) {
  test(`an ordinary user is refused ${what}, by name, and nothing stays`, ROOT, () => {
    specified(change)
    const { status, stderr } = user(['create', 'three'])
    assert.equal(status, 1)
    assert.match(stderr, message)
    assert.deepEqual(readdirSync(join(folder, 'session/carrel-oci')), [])
  })
}

test('an ordinary user cannot keep states in root’s directory, nor see root’s containers', ROOT, () => {
  specified()
  const { status, stderr } = user(['--root', '/run/carrel-oci-of-root', 'create', 'four'])
  assert.equal(status, 1)
  assert.match(stderr, /\/run\/carrel-oci-of-root.*permission denied/)
  assert.ok(!existsSync('/run/carrel-oci-of-root'))
})
