import assert from 'node:assert/strict'
import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import {
  chmodSync,
  chownSync,
  closeSync,
  statSync,
  copyFileSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { text } from 'node:stream/consumers'
import { after, test } from 'node:test'
import { Agent } from '../../src/process/agent.ts'
import { findBinary } from '../../src/kernel/binaries.ts'
import type { StartOptions } from '../../src/process/connection/start.ts'
import { program } from '../../src/program/builder.ts'
import { eventually } from '../support/eventually.ts'
import { checkMachine } from '../support/machine-check.ts'
import { ORDINARY_USER, startScript } from '../support/node-script.ts'
import { allProcesses, namespaceOf, seen, statusField } from '../support/proc.ts'
import { readableRepository } from '../support/repository.ts'
import { requires } from '../support/requires.ts'

checkMachine()

const SUDO = '/usr/bin/sudo'
const SETCAP = '/usr/sbin/setcap'

const folder = mkdtempSync(join(tmpdir(), 'carrel-privilege-'))
chmodSync(folder, 0o755)
after(() => rmSync(folder, { recursive: true, force: true }))

/** A copy of a file that anybody may execute, with these bits more. */
function copyOf(path: string, name: string, bits = 0): string {
  const copy = join(folder, name)
  copyFileSync(path, copy)
  chmodSync(copy, 0o755 | bits)
  return copy
}

/** What a root that an ordinary user starts may do. */
async function asOrdinaryUser(options: StartOptions): Promise<string> {
  const { stdout, stderr } = await startScript('test/process/scripts/privileges.ts', {
    args: [JSON.stringify(options)],
    ordinary: true,
  }).ended
  return `${stdout}${stderr}`.trim()
}

const NOTHING = `uid ${ORDINARY_USER}, sethostname EPERM, shadow EACCES, setuid EPERM`
const EVERYTHING = 'uid 0, sethostname done, shadow done, setuid done'

for (const [name, bits] of [
  ['set-user-ID', 0o4000],
  ['set-group-ID', 0o2000],
] as const) {
  test(
    `D-A22: an agent with the ${name} bit gives its owner's system calls to nobody`,
    requires({ root: true }),
    async () => {
      const agent = findBinary('carrel-agent')
      const [id, own] = [copyOf('/usr/bin/id', `id-${name}`, bits), copyOf(agent, `agent-${name}`, bits)]
      const whoever = { uid: ORDINARY_USER, gid: ORDINARY_USER, encoding: 'utf8' } as const
      // What the bit does to a program that does not look, on this file system.
      assert.equal(execFileSync(id, [bits === 0o4000 ? '-u' : '-g'], whoever), '0\n')
      for (const options of [{ binary: own }, { binary: own, wrapper: ['nice'] }]) {
        assert.match(
          await asOrdinaryUser(options),
          /^AgentError: .*125: carrel-agent: refuses to run with the set-user-ID/,
        )
      }
      chmodSync(own, 0o755)
      assert.equal(await asOrdinaryUser({ binary: own }), NOTHING)
    },
  )
}

test(
  'A20: file capabilities give an ordinary user what they name, and nothing else',
  requires({ root: true, program: SETCAP }),
  async () => {
    const agent = copyOf(findBinary('carrel-agent'), 'agent-with-capabilities')
    assert.equal(await asOrdinaryUser({ binary: agent }), NOTHING)
    execFileSync(SETCAP, ['cap_net_admin,cap_sys_admin+ep', agent])
    assert.equal(
      await asOrdinaryUser({ binary: agent }),
      `uid ${ORDINARY_USER}, sethostname done, shadow EACCES, setuid EPERM`,
    )
    // As with sudo: who may execute the file decides.
    chownSync(agent, 0, 0)
    execFileSync(SETCAP, ['cap_net_admin,cap_sys_admin+ep', agent])
    chmodSync(agent, 0o750)
    assert.match(await asOrdinaryUser({ binary: agent }), /^SyscallError: execve\(.*\): EACCES/)
  },
)

/** Starts a script as an ordinary user of whom sudoers(5) says that he may start this agent, in a mount namespace where only it sees that. */
function withRule(agent: string, script: string, args: readonly string[]): ReturnType<typeof spawn> {
  const root = readableRepository()
  const [users, rules] = [join(folder, 'passwd'), join(folder, 'sudoers')]
  writeFileSync(users, `${readFileSync('/etc/passwd', 'utf8')}reader:*:${ORDINARY_USER}:${ORDINARY_USER}::/:/bin/sh\n`)
  writeFileSync(rules, `Defaults use_pty\nreader ALL=(root) NOPASSWD: ${agent} -0\n`)
  chmodSync(rules, 0o440)
  const setup = `mount --bind ${users} /etc/passwd && mount --bind ${rules} /etc/sudoers && exec "$@"`
  const user = ['setpriv', '--reuid', `${ORDINARY_USER}`, '--regid', `${ORDINARY_USER}`, '--clear-groups']
  const node = [process.execPath, '--import', 'tsx', join(root, script), ...args]
  return spawn('unshare', ['--mount', 'sh', '-c', setup, 'sh', ...user, ...node], {
    cwd: root,
    env: { PATH: process.env['PATH'] ?? '/usr/bin:/bin' },
    stdio: ['ignore', 'pipe', 'pipe'],
  })
}

async function printed({ stdout, stderr }: ReturnType<typeof spawn>): Promise<string> {
  assert.ok(stdout && stderr)
  return (await Promise.all([text(stdout), text(stderr)])).join('').trim()
}

test(
  'A02, A20, P22: sudo starts an agent for those of whom sudoers says so',
  requires({ root: true, program: SUDO }),
  async () => {
    const [agent, other] = ['agent-by-rule', 'agent-without-rule'].map((name) =>
      copyOf(findBinary('carrel-agent'), name),
    ) as [string, string]
    const attempt = (binary: string) =>
      printed(
        withRule(agent, 'test/process/scripts/privileges.ts', [JSON.stringify({ wrapper: ['sudo', '-n'], binary })]),
      )
    assert.equal(await attempt(agent), EVERYTHING)
    const refused = `Agent did not start: "sudo -n ${other} -0" ended with status 1: sudo: a password is required`
    assert.equal(await attempt(other), `AgentError: ${refused}`)
  },
)

for (const how of ['close', 'wait']) {
  const what = how === 'close' ? 'close()' : 'SIGKILL of Node'
  test(
    `X06, P14: ${what} by a user who may not signal it ends what sudo started`,
    requires({ root: true, program: SUDO }),
    async () => {
      const agent = copyOf(findBinary('carrel-agent'), `agent-${how}`)
      const options = JSON.stringify({ wrapper: ['sudo', '-n'], binary: agent })
      const node = withRule(agent, 'test/process/scripts/wrapped.ts', [options, how])
      const ended = once(node, 'exit')
      const output = printed(node)
      const ours = () => allProcesses().filter((each) => commandLineOf(each.pid).includes(agent))
      const agents = () =>
        allProcesses().filter((each) => each.name === 'carrel' && ancestors(each.pid).includes(node.pid as number))
      if (how === 'wait') {
        const tree = await eventually(
          () => agents().length === 2 && agents(),
          () => JSON.stringify(agents()),
        )
        assert.deepEqual(
          ours().map((each) => each.name),
          ['node', 'sudo'],
        )
        for (const each of tree) assert.match(statusField(each.pid, 'Uid'), /^0\s/)
        await eventually(
          () => tree.every((each) => !isIdle(each.pid)),
          () => 'both are in the call that blocks',
        )
        process.kill(node.pid as number, 'SIGKILL')
        await ended
        await eventually(
          () => tree.every((each) => (seen(each.pid)?.state ?? 'Z') === 'Z') && ours().length === 0,
          () => JSON.stringify([tree, ours()]),
        )
      } else {
        const [pids, closed] = (await output).split('\n')
        const [root, own] = (pids ?? '').split(' ').map(Number)
        assert.notEqual(root, own, 'the pid of the root is that of sudo')
        assert.equal(closed, 'closed at once')
      }
      await ended
    },
  )
}

test(
  'P20, P25: a parent that can only fork and kill, children without privileges that have what they were passed',
  requires({ root: true }),
  async () => {
    const key = join(folder, 'key')
    writeFileSync(key, 'the key', { mode: 0o600 })
    await using parent = await Agent.start()
    const opening = program()
    opening.send(opening.openat('AT_FDCWD', key, ['O_RDONLY', 'O_CLOEXEC']))
    const [descriptor = -1] = (await parent.run(opening)).descriptors
    await parent.filter(
      { allow: ['fork', 'kill'] },
      { children: { allow: ['setgroups', 'setresgid', 'setresuid', 'setuid', 'openat', 'read', 'exec'] } },
    )
    const forbidden = { message: /filter/i }
    await assert.rejects(parent.sys.chmod(key, 0o644), forbidden)
    await assert.rejects(parent.sys.openat('AT_FDCWD', key, ['O_RDONLY']), forbidden)
    await assert.rejects(parent.exec('/bin/true'), forbidden)
    await assert.rejects(parent.sys.setresuid(1, 1, 1), forbidden)
    assert.equal(statSync(key).mode & 0o777, 0o600)
    assert.match(statusField(parent.pid, 'Uid'), /^0\s/)

    const child = await parent.clone(['CLONE_NEWNS', 'CLONE_NEWPID', 'CLONE_NEWNET'])
    const pid = child.hostPid as number
    await child.sys.setgroups([])
    await child.sys.setresgid(ORDINARY_USER, ORDINARY_USER, ORDINARY_USER)
    await child.sys.setresuid(ORDINARY_USER, ORDINARY_USER, ORDINARY_USER)
    assert.match(statusField(pid, 'Uid'), new RegExp(`^(${ORDINARY_USER}\\s*){4}$`))
    assert.equal(BigInt(`0x${statusField(pid, 'CapPrm')}`), 0n)
    for (const name of ['mnt', 'pid', 'net']) assert.notEqual(namespaceOf(pid, name), namespaceOf('self', name))
    await assert.rejects(child.sys.setuid(0), { errno: 'EPERM' })
    await assert.rejects(child.sys.openat('AT_FDCWD', key, ['O_RDONLY']), { errno: 'EACCES' })
    await assert.rejects(child.sys.kill(1, 0), forbidden)
    await assert.rejects(child.fork(), forbidden)
    const cat = await child.exec('/bin/sh', ['sh', '-c', `cat <&7; cat ${key}`], {
      env: { PATH: '/usr/bin:/bin' },
      descriptors: { 7: descriptor },
    })
    closeSync(descriptor)
    const [output, errors] = await Promise.all([text(cat.stdout), text(cat.stderr)])
    assert.equal(output, 'the key')
    assert.match(errors, /Permission denied/)

    const stuck = await parent.fork()
    await parent.sys.kill(stuck.pid, 'SIGKILL')
    await stuck.close()
    const exit = await stuck.exited
    assert.ok(exit.kind === 'signaled' && exit.signal === 'SIGKILL')
  },
)

const isIdle = (pid: number): boolean =>
  Number.parseInt(readFileSync(`/proc/${pid}/syscall`, 'utf8')) === (process.arch === 'x64' ? 271 : 73)

function commandLineOf(pid: number): string {
  try {
    return readFileSync(`/proc/${pid}/cmdline`, 'utf8')
  } catch {
    return ''
  }
}

function ancestors(pid: number): readonly number[] {
  const parent = seen(pid)?.parent ?? 0
  return parent > 0 ? [parent, ...ancestors(parent)] : []
}
