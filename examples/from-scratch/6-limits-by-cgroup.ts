// Step 6: at most 20 processes, by a group of its own, which is gone when it ends.
import { Cgroup } from 'carrel/cgroup'
import { Agent } from 'carrel/process'
import { program } from 'carrel/program'
import { claim, ENVIRONMENT, main } from './command-line.ts'

const [PLACE, ROOT] = ['/tmp', process.env['ROOT']]

await main({
  needs: 'for namespaces and a group',

  async run(execute) {
    await using root = await Agent.start()
    // One group for each start: two containers with the same name would share one limit. The agent removes it at its own end, so
    // also when this process is killed; notify_on_release would want a program of the host's for that (CVE-2022-0492).
    const group = await Cgroup.create(root, `from-scratch-${process.pid}`, { pids: { limit: 20 } })
    // Born in the group: nothing of it has run outside.
    const init = await group.fork(root, ['CLONE_NEWUTS', 'CLONE_NEWPID', 'CLONE_NEWNS'])
    const p = program()
    p.sethostname('container')
    p.mount('none', '/', null, ['MS_REC', 'MS_PRIVATE'], null)
    if (ROOT !== undefined) p.mount(ROOT, PLACE, null, ['MS_BIND', 'MS_REC'], null)
    else {
      p.mount('root', PLACE, 'tmpfs', ['MS_NOSUID', 'MS_NODEV'], 'mode=755')
      p.mkdirat('AT_FDCWD', `${PLACE}/usr`, 0o755)
      p.mount('/usr', `${PLACE}/usr`, null, ['MS_BIND', 'MS_REC'], null)
      p.mount_setattr('AT_FDCWD', `${PLACE}/usr`, ['AT_RECURSIVE'], { attr_set: ['MOUNT_ATTR_RDONLY'] })
      for (const name of ['bin', 'lib', 'lib64']) p.symlinkat(`usr/${name}`, 'AT_FDCWD', `${PLACE}/${name}`)
    }
    p.chdir(PLACE)
    for (const name of ['proc', 'mytemp']) p.tolerate('EEXIST').mkdirat('AT_FDCWD', name, 0o755)
    p.mount('proc', 'proc', 'proc', ['MS_NOSUID', 'MS_NODEV', 'MS_NOEXEC'], null)
    p.mount('thing', 'mytemp', 'tmpfs', ['MS_NOSUID', 'MS_NODEV'], null)
    p.pivot_root('.', '.')
    p.umount2('.', ['MNT_DETACH'])
    await init.run(p)
    return await execute(await init.fork(), { env: ENVIRONMENT })
  },

  async check(sh) {
    claim('It is in a group of its own', /from-scratch-\d+$/m.test(await sh('cat /proc/self/cgroup')), true)
    const bomb = 'for i in 1 2 3 4 5 6 7 8 9 10 11 12 13 14 15 16 17 18 19 20; do sleep 9 & done'
    claim('a fork bomb stops at 20', /fork/.test(await sh(bomb)), true)
    const status = await sh('cat /proc/self/status')
    claim("not yet: its root is the host's", status.match(/^Uid:\t(\d+)/m)?.[1], '0')
    claim('not yet: with all privileges', /^CapEff:\t0+$/m.test(status), false)
    claim('not yet: and no filter for system calls', status.match(/^Seccomp:\t(\d)/m)?.[1], '0')
  },
})
