// Step 5: a /proc of its own, which shows the processes of its PID namespace, and a file system in memory named "thing".
import { readFileSync } from 'node:fs'
import { Agent } from 'carrel/process'
import { program } from 'carrel/program'
import { claim, ENVIRONMENT, main } from './command-line.ts'

const [PLACE, ROOT] = ['/tmp', process.env['ROOT']]

await main({
  needs: 'for namespaces',

  async run(execute) {
    await using root = await Agent.start()
    const init = await root.clone(['CLONE_NEWUTS', 'CLONE_NEWPID', 'CLONE_NEWNS'])
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
    p.because(
      'proc',
      'It shows the PID namespace of who mounts it, and goes with the mount namespace: nobody unmounts it',
    )
    p.mount('proc', 'proc', 'proc', ['MS_NOSUID', 'MS_NODEV', 'MS_NOEXEC'], null)
    p.mount('thing', 'mytemp', 'tmpfs', ['MS_NOSUID', 'MS_NODEV'], null)
    p.pivot_root('.', '.')
    p.umount2('.', ['MNT_DETACH'])
    await init.run(p)
    return await execute(await init.fork(), { env: ENVIRONMENT })
  },

  async check(sh) {
    claim('/proc shows its own processes alone', await sh('cd /proc; echo [0-9]*'), '1 2')
    const mounts = (await sh('cat /proc/mounts')).split('\n').map((line) => line.split(' ')[1])
    claim(
      'these are all its mounts',
      mounts.filter((path) => path !== '/usr'),
      ['/', '/proc', '/mytemp'],
    )
    claim('thing is a file system of its own', await sh('grep -c "^thing /mytemp tmpfs" /proc/mounts'), '1')
    claim('the host sees neither', readFileSync('/proc/mounts', 'utf8').includes('thing'), false)
    const groups = readFileSync('/proc/self/cgroup', 'utf8').trim()
    claim(
      'not yet: it is in the groups of who started it, with their limits',
      await sh('cat /proc/self/cgroup'),
      groups,
    )
  },
})
