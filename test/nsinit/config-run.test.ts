import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { parseContainerJson } from '../../src/nsinit/container-json/parse-container-json.ts'
import { writeJson } from '../../src/nsinit/container-json/write-json.ts'
import { resolveUser } from '../../src/nsinit/convert/resolve-user.ts'
import { toOci } from '../../src/nsinit/convert/to-oci.ts'
import { machineArch } from '../../src/linux/arch.ts'
import { hierarchyOf } from '../support/hierarchies.ts'
import { type Bundle, type Changes, makeRoot } from '../support/oci-bundle.ts'
import { created, removeGroup, run, scratch, undoAfterTest, uniqueName, useOci } from '../support/oci.ts'
import { requires } from '../support/requires.ts'

// What container.json says, as the OCI runtime does it: seen by the kernel's own files in the container.

const ROOT = requires({ root: true })
const V1_MEMORY = requires({ root: true, hierarchies: ['memory'] })
useOci()

const NAMESPACES = { NEWNS: true, NEWUTS: true, NEWIPC: true, NEWPID: true, NEWNET: true }
const USERS = 'root:x:0:0::/root:\nsomebody:x:1000:1000::/home/some:\n'
const GROUPS = 'root:x:0:\nextra:x:2000:somebody\n'

/** A directory that is a root file system and has its configuration in it: the bundle too. */
function directory(container: Changes, args: readonly string[]): Bundle {
  const path = scratch('nsinit')
  makeRoot(path)
  writeFileSync(join(path, 'etc/passwd'), USERS)
  writeFileSync(join(path, 'etc/group'), GROUPS)
  const group = uniqueName()
  const cgroups = { parent: '/', name: group, ...(container['cgroups'] as object | undefined) }
  const text = writeJson({ namespaces: NAMESPACES, environment: ['PATH=/bin'], ...container, cgroups })
  writeFileSync(join(path, 'container.json'), text)
  const config = parseContainerJson(text)
  const oci = toOci(config, { arch: machineArch(), args, user: resolveUser(config.user, USERS, GROUPS) })
  writeFileSync(join(path, 'config.json'), writeJson(oci))
  undoAfterTest(() => {
    removeGroup(`/${group}`)
    rmSync(path, { recursive: true, force: true })
  })
  return { path, root: path, config: {}, cgroup: `/${group}` }
}

/** What a shell in such a container prints; "x" before a command makes its failure no failure of the script. */
function sh(container: Changes, script: string): string {
  const { status, stdout, stderr } = run(directory(container, ['/bin/sh', '-c', script]))
  assert.equal(status, 0, `${stdout}${stderr}`)
  return stdout.trim()
}

const status = (text: string, field: string): string => new RegExp(`^${field}:\\s*(.*)$`, 'm').exec(text)?.[1] ?? ''

test(
  'L02, L11, L15, L16, L64: a directory with container.json is a container: its name, its directory, its environment',
  ROOT,
  () => {
    const container = { hostname: 'koye', working_dir: '/var', environment: ['PATH=/bin', 'A=b=c'], user: 'somebody' }
    assert.equal(
      sh(container, 'hostname; pwd; umask; env | grep -v ^SHLVL= | grep -v ^PWD= | sort'),
      'koye\n/var\n0022\nA=b=c\nHOME=/home/some\nPATH=/bin',
    )
    assert.equal(sh({ environment: ['PATH=/bin', 'HOME=/x'] }, 'echo $HOME'), '/x')
  },
)

test('L14: the user is that of the container’s lists, with its groups', ROOT, () => {
  const ids = (user: string) => sh({ user }, 'grep -E "^(Uid|Gid|Groups)" /proc/self/status').replace(/\s+/g, ' ')
  assert.equal(ids('somebody'), 'Uid: 1000 1000 1000 1000 Gid: 1000 1000 1000 1000 Groups: 2000')
  assert.equal(ids('1234:extra'), 'Uid: 1234 1234 1234 1234 Gid: 2000 2000 2000 2000 Groups:')
})

test(
  'L19, L51, D-L01: capabilities that are not named are gone from every set, and the change of user needs none of them',
  ROOT,
  () => {
    const KILL = '0000000000000020'
    const NONE = '0000000000000000'
    const sets = (container: Changes) => {
      const text = sh(container, 'cat /proc/self/status')
      return ['CapBnd', 'CapPrm', 'CapEff', 'CapInh', 'CapAmb'].map((field) => status(text, field))
    }
    assert.deepEqual(sets({ capabilities: ['KILL'] }), [KILL, KILL, KILL, NONE, NONE])
    assert.deepEqual(sets({}), [NONE, NONE, NONE, NONE, NONE])
    assert.deepEqual(sets({ user: 'somebody', capabilities: ['KILL'] }), [KILL, NONE, NONE, NONE, NONE])
    assert.deepEqual(sets({ user: 'somebody', capabilities: ['KILL'], ambient_capabilities: ['KILL'] }), [
      KILL,
      KILL,
      KILL,
      KILL,
      KILL,
    ])
  },
)

test(
  'L09, L50, D-L06, D-L17: /proc is writable but where it changes the host; a filter and no_new_privs are there unasked',
  ROOT,
  () => {
    const text = sh(
      {},
      'echo a > /proc/self/comm && cat /proc/self/status; for f in sys/kernel/hostname irq/default_smp_affinity; do (echo 1 > /proc/$f) 2>&1; done; wc -c < /proc/interrupts; touch /sys/x 2>&1; grep -Eo " /proc/(sys|irq|bus) ro," /proc/self/mountinfo; true',
    )
    assert.deepEqual([status(text, 'Seccomp'), status(text, 'NoNewPrivs')], ['2', '1'])
    assert.equal(text.match(/Read-only file system/g)?.length, 3, text)
    assert.equal(text.match(/^ \/proc\/(sys|irq|bus) ro,$/gm)?.length, 3, text)
    assert.match(text, /^0$/m)
    const open = sh(
      { restrict_sys: false, seccomp: 'unconfined', no_new_privileges: false },
      'cat /proc/self/status; echo me > /proc/sys/kernel/hostname; hostname',
    )
    assert.deepEqual([status(open, 'Seccomp'), status(open, 'NoNewPrivs')], ['0', '0'])
    assert.match(open, /^me$/m)
  },
)

test(
  'L42, L57, D-L17: with MKNOD only the container’s own nodes can be made, and a node that is not allowed stays shut',
  ROOT,
  () => {
    const device = { type: 99, major_number: 10, minor_number: 229 }
    const fuse = { ...device, path: '/dev/fuse' }
    const script =
      'ls /dev | tr "\\n" " "; for n in "c 1 3" "b 8 0" "c 10 200"; do mknod /tmp/n $n && echo made; rm -f /tmp/n; done 2>&1; cat /dev/fuse 2>&1; true'
    const own = { capabilities: ['MKNOD'], mount_config: { device_nodes: [fuse] } }
    const [nodes, ...tries] = sh(own, script).split('\n')
    assert.equal(nodes, 'fd full fuse mqueue null ptmx pts random shm stderr stdin stdout tty urandom zero made')
    assert.deepEqual(tries, [
      'mknod: /tmp/n: Operation not permitted',
      'mknod: /tmp/n: Operation not permitted',
      "cat: can't open '/dev/fuse': Operation not permitted",
    ])
    const allowed = [{ type: 'c', major_number: -1, minor_number: -1, cgroup_permissions: 'm' }]
    assert.equal(sh({ ...own, cgroups: { allowed_devices: allowed } }, script).match(/made/g)?.length, 2)
  },
)

test('L23, D-L08: a bind is read-only with what is mounted below it, unless it is writable', ROOT, () => {
  const source = scratch('source')
  mkdirSync(join(source, 'below'), { recursive: true })
  undoAfterTest(() => rmSync(source, { recursive: true }))
  execFileSync('mount', ['-t', 'tmpfs', 'below', join(source, 'below')])
  undoAfterTest(() => void execFileSync('umount', [join(source, 'below')]))
  const bind = { type: 'bind', source, destination: '/mnt' }
  const script = 'touch /mnt/a 2>&1; touch /mnt/below/a 2>&1; true'
  const error = (path: string) => `touch: ${path}: Read-only file system`
  assert.equal(sh({ mounts: [bind] }, script), `${error('/mnt/a')}\n${error('/mnt/below/a')}`)
  assert.equal(sh({ mounts: [{ ...bind, writable: true }] }, script), '')
  assert.ok(existsSync(join(source, 'below/a')))
})

test(
  'L12, L17: a read-only root has a writable /tmp where one is mounted; without a terminal there is no console',
  ROOT,
  () => {
    const container = { mount_config: { readonly_fs: true, mounts: [{ type: 'tmpfs', destination: '/tmp' }] } }
    assert.equal(
      sh(container, 'touch /x 2>&1; touch /tmp/x && ls /tmp; ls /dev/console 2>/dev/null; true'),
      'touch: /x: Read-only file system\nx',
    )
  },
)

test('L18, D-L07: namespaces that are not named are the caller’s, whose /sys stays as it is', ROOT, () => {
  const links = (types: readonly string[]) =>
    execFileSync(
      'readlink',
      types.map((type) => `/proc/self/ns/${type}`),
      { encoding: 'utf8' },
    ).trim()
  const before = readFileSync('/proc/self/mountinfo', 'utf8')
  const shared = { namespaces: { NEWNS: true, NEWPID: true } }
  assert.equal(
    sh(shared, 'for n in net uts ipc; do readlink /proc/self/ns/$n; done; ls /dev/mqueue 2>/dev/null; true'),
    links(['net', 'uts', 'ipc']),
  )
  assert.match(sh(shared, 'grep " /sys " /proc/self/mountinfo'), / ro,nosuid,nodev,noexec/)
  assert.equal(readFileSync('/proc/self/mountinfo', 'utf8'), before)
  const [own] = sh({}, 'readlink /proc/self/ns/net').split('\n')
  assert.notEqual(own, links(['net']))
})

test('L21, D-L02: limits are in the files of the group, memory_swap as it was said', V1_MEMORY, () => {
  const MIB = 2 ** 20
  const limits = { memory: 64 * MIB, memory_swap: 96 * MIB, memory_reservation: 32 * MIB }
  const made = created(directory({ cgroups: limits }, ['sleep', '1000']))
  const file = (name: string) =>
    Number(readFileSync(join(hierarchyOf('memory') ?? '', made.bundle.cgroup, `memory.${name}`), 'utf8'))
  assert.deepEqual(
    [file('limit_in_bytes'), file('memsw.limit_in_bytes'), file('soft_limit_in_bytes')],
    [64 * MIB, 96 * MIB, 32 * MIB],
  )
})

test('D-L09: NEWUSER maps the users of the container to those that were said', ROOT, () => {
  const ids = (host_id: number) => [{ container_id: 0, host_id, size: 65_536 }]
  const container = {
    namespaces: { ...NAMESPACES, NEWUSER: true },
    uid_mappings: ids(100_000),
    gid_mappings: ids(200_000),
  }
  assert.deepEqual(
    sh(container, 'id -u; cat /proc/self/uid_map /proc/self/gid_map')
      .split('\n')
      .map((line) => line.trim().replace(/\s+/g, ' ')),
    ['0', '0 100000 65536', '0 200000 65536'],
  )
})
