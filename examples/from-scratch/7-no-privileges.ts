// Step 7, the whole program: its root is nobody on the host, has no capability, gains none, and a filter refuses what it needs least.
import { randomInt } from 'node:crypto'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { Cgroup } from 'carrel/cgroup'
import { BpfProgram, constantNames } from 'carrel/linux'
import { Agent } from 'carrel/process'
import { type Program, program } from 'carrel/program'
import { claim, ENVIRONMENT, main } from './command-line.ts'

const [PLACE, ROOT] = ['/tmp', process.env['ROOT']]
const KINDS = ['CLONE_NEWUSER', 'CLONE_NEWUTS', 'CLONE_NEWPID', 'CLONE_NEWNS', 'CLONE_NEWIPC', 'CLONE_NEWNET'] as const
const FILTER = new BpfProgram().validateArchitecture().examineSyscall()
FILTER.answer(['bpf', 'keyctl', 'perf_event_open', 'ptrace'], ['SECCOMP_RET_ERRNO', 'EPERM']).ret('SECCOMP_RET_ALLOW')
const prepare = (p: Program) => {
  for (const name of constantNames('capability')) p.tolerate('EINVAL').prctl('PR_CAPBSET_DROP', name)
  p.capset({ effective: 0n, permitted: 0n, inheritable: 0n })
  p.prctl('PR_SET_NO_NEW_PRIVS', 1)
  p.seccomp('SECCOMP_SET_MODE_FILTER', 0, { filter: FILTER.instructions })
}
await main({
  needs: "for a group and for ids that are nobody else's",
  async run(execute) {
    await using root = await Agent.start()
    const group = await Cgroup.create(root, `from-scratch-${process.pid}`, { pids: { limit: 20 } })
    const init = await group.fork(root, KINDS)
    const ids = `0 ${randomInt(20_000, 30_000) * 65_536} 65536`
    for (const map of ['uid_map', 'gid_map']) writeFileSync(`/proc/${init.hostPid}/${map}`, ids)
    if (ROOT) for (const name of ['proc', 'mytemp']) mkdirSync(`${ROOT}/${name}`, { recursive: true })
    const p = program()
    p.setresgid(0, 0, 0)
    p.setresuid(0, 0, 0)
    p.unshare(['CLONE_NEWCGROUP'])
    p.sethostname('container')
    p.mount('none', '/', null, ['MS_REC', 'MS_PRIVATE'], null)
    p.mount(ROOT ?? 'root', PLACE, ROOT ? null : 'tmpfs', ROOT ? ['MS_BIND', 'MS_REC'] : [], null)
    p.chdir(PLACE)
    for (const name of ROOT ? [] : ['usr', 'proc', 'mytemp']) p.mkdirat('AT_FDCWD', name, 0o755)
    for (const name of ROOT ? [] : ['bin', 'lib', 'lib64']) p.symlinkat(`usr/${name}`, 'AT_FDCWD', name)
    if (!ROOT) p.mount('/usr', 'usr', null, ['MS_BIND', 'MS_REC'], null)
    if (!ROOT) p.mount_setattr('AT_FDCWD', 'usr', ['AT_RECURSIVE'], { attr_set: ['MOUNT_ATTR_RDONLY'] })
    p.mount('proc', 'proc', 'proc', ['MS_NOSUID', 'MS_NODEV', 'MS_NOEXEC'], null)
    p.because('users', 'No user namespace below this one: in it, the command would have all capabilities again')
    p.write(p.openat('AT_FDCWD', 'proc/sys/user/max_user_namespaces', ['O_WRONLY', 'O_CLOEXEC']), '0')
    p.mount('thing', 'mytemp', 'tmpfs', ['MS_NOSUID', 'MS_NODEV'], null)
    p.pivot_root('.', '.')
    p.umount2('.', ['MNT_DETACH'])
    await init.run(p)
    return await execute(await init.fork(), { env: ENVIRONMENT, prepare })
  },
  async check(sh) {
    const status = await sh('cat /proc/self/status; cat /proc/self/uid_map')
    claim('It is root, without capabilities', /^Uid:\t0[^]*^CapPrm:\t0+\nCapEff:\t0+\nCapBnd:\t0+$/m.test(status), true)
    claim('gains none, and has a filter', /^NoNewPrivs:\t1\nSeccomp:\t2/m.test(status), true)
    claim('it is nobody on the host', /^ +0 +1\d{9} +65536$/m.test(status), true)
    claim('and has no network', await sh('grep -c : /proc/net/dev'), '1')
    const [memory] = readFileSync('/proc/meminfo', 'utf8').split('\n')
    claim("not yet: it may use all of the host's memory", await sh('head -n 1 /proc/meminfo'), memory)
    claim('not yet: it has no /dev', await sh('echo /dev/*'), '/dev/*')
  },
})
