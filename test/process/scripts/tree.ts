import { existsSync, mkdirSync } from 'node:fs'
import { Agent } from '../../../src/process/agent.ts'
import { program } from '../../../src/program/builder.ts'
import { inUserNamespace } from '../in-user-namespace.ts'

/**
 * Makes a tree that is hard to end, prints the pid of its root, and waits for SIGUSR2 to end by itself as it was told.
 * Arguments: how to end (`exit`, `throw`, `wait`), a text that stands in every command line, a folder of its own.
 */
const [how = 'wait', mark = '1', folder = '/nonexistent'] = process.argv.slice(2)
const SLEEP = `sleep 98765.${mark}`
const root = await Agent.start()

const shell = async (agent: Agent, script: string): Promise<unknown> =>
  agent.exec('/bin/sh', ['sh', '-c', script], { stdio: 'null', env: { PATH: '/usr/bin:/bin' } })

// Programs: one that stops itself, daemons with a session of their own, one that ignores what can be ignored.
await shell(await root.fork(), `${SLEEP} & (setsid ${SLEEP} &) ; kill -STOP $$`)
await shell(await root.fork(), `trap "" HUP INT QUIT TERM; (setsid sh -c "(${SLEEP} &) ; ${SLEEP}" &) ; ${SLEEP}; true`)

// Agents: one that is stopped, ones that are inside calls that never return, a grandchild below one that is stopped.
const stopped = await root.fork()
await shell(await stopped.fork(), `${SLEEP}; true`)
stopped.kill('SIGSTOP')
const reader = await root.fork()
const pipe = await reader.sys.pipe2(['O_CLOEXEC'])
void reader.sys.read(pipe.read, 1).catch(() => {})
const sleeper = await root.fork()
await shell(await sleeper.fork(), `${SLEEP}; true`)
void sleeper.sys.nanosleep({ tv_sec: 98_765, tv_nsec: 0 }).catch(() => {})

// A pid namespace: its first process is an agent, below it programs that have left their session.
const init = await inUserNamespace(root, ['CLONE_NEWPID', 'CLONE_NEWNS'])
await shell(await init.fork(), `(setsid ${SLEEP} &) ; ${SLEEP}; true`)
await init.sys.mount('none', '/', null, ['MS_REC', 'MS_PRIVATE'], null)
await init.sys.mount('none', '/mnt', 'tmpfs', [], null)

// What nobody but the clean-up programs removes: a folder, and for root a mount of the host and a cgroup that is in use.
const clean = program()
if (process.getuid?.() === 0) {
  mkdirSync(`${folder}/mount`)
  await root.sys.mount('none', `${folder}/mount`, 'tmpfs', [], null)
  clean.umount2(`${folder}/mount`, [])
  clean.unlinkat('AT_FDCWD', `${folder}/mount`, ['AT_REMOVEDIR'])
  const cgroup = `/sys/fs/cgroup/unified/carrel-test-${process.ppid}-${mark}`
  if (existsSync('/sys/fs/cgroup/unified')) {
    mkdirSync(cgroup)
    const member = await root.fork()
    const p = program()
    const procs = p.openat('AT_FDCWD', `${cgroup}/cgroup.procs`, ['O_WRONLY', 'O_CLOEXEC'])
    p.write(procs, '0')
    p.close(procs)
    await member.run(p)
    await shell(member, `${SLEEP} & ${SLEEP}; true`)
    const remove = program()
    remove.unlinkat('AT_FDCWD', cgroup, ['AT_REMOVEDIR'])
    root.onEnd(2, remove)
  }
}
clean.unlinkat('AT_FDCWD', folder, ['AT_REMOVEDIR'])
root.onEnd(1, clean)
await root.sys.getpid()
// The root itself is inside a call that never returns.
void root.sys.nanosleep({ tv_sec: 98_765, tv_nsec: 0 }).catch(() => {})

process.on('SIGUSR2', () => {
  if (how === 'exit') process.exit(0)
  throw new Error('on purpose')
})
process.stdout.write(`${root.pid}\n`)
