// Step 4: a root of its own, by a mount namespace and pivot_root: the directory that ROOT names, or the host's /usr, read-only.
import { readdirSync } from 'node:fs'
import { Agent } from 'carrel/process'
import { program } from 'carrel/program'
import { claim, ENVIRONMENT, main } from './command-line.ts'

const ROOT = process.env['ROOT']
/** Where the root is put together: what is mounted there is seen by nobody else */
const PLACE = '/tmp'

await main({
  needs: 'for namespaces',

  async run(execute) {
    await using root = await Agent.start()
    const init = await root.clone(['CLONE_NEWUTS', 'CLONE_NEWPID', 'CLONE_NEWNS'])
    const p = program()
    p.sethostname('container')
    p.because('root', 'Mounts may be shared with the host (systemd does that): not from here on')
    p.mount('none', '/', null, ['MS_REC', 'MS_PRIVATE'], null)
    if (ROOT !== undefined) p.mount(ROOT, PLACE, null, ['MS_BIND', 'MS_REC'], null)
    else {
      p.mount('root', PLACE, 'tmpfs', ['MS_NOSUID', 'MS_NODEV'], 'mode=755')
      p.mkdirat('AT_FDCWD', `${PLACE}/usr`, 0o755)
      p.mount('/usr', `${PLACE}/usr`, null, ['MS_BIND', 'MS_REC'], null)
      p.mount_setattr('AT_FDCWD', `${PLACE}/usr`, ['AT_RECURSIVE'], { attr_set: ['MOUNT_ATTR_RDONLY'] })
      for (const name of ['bin', 'lib', 'lib64']) p.symlinkat(`usr/${name}`, 'AT_FDCWD', `${PLACE}/${name}`)
    }
    p.because('root', 'A chroot can be left again; a root that was unmounted is gone')
    p.chdir(PLACE)
    p.pivot_root('.', '.')
    p.umount2('.', ['MNT_DETACH'])
    await init.run(p)
    // The command is looked up here, in the new root.
    return await execute(await init.fork(), { env: ENVIRONMENT })
  },

  async check(sh) {
    const before = readdirSync(PLACE)
    if (ROOT === undefined) {
      claim('Its root is its own', await sh('pwd; echo /*'), '/\n/bin /lib /lib64 /usr')
      claim('what it writes stays there', await sh('echo kept >/file; cat /file'), 'kept')
      claim("the host's /usr is read-only", /Read-only/.test(await sh(': >/usr/file')), true)
    }
    claim('there is no way up', await sh('cd ../../..; pwd'), '/')
    claim('the host has none of its mounts', readdirSync(PLACE), before)
    claim('not yet: it has no /proc, so ps shows nothing', await sh('echo /proc/*'), '/proc/*')
  },
})
