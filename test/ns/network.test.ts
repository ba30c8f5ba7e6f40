import assert from 'node:assert/strict'
import { spawnSync, type SpawnSyncReturns } from 'node:child_process'
import { mkdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CARREL } from '../cli/carrel.ts'
import { checkMachine } from '../support/machine-check.ts'
import { requires } from '../support/requires.ts'
import { EXAMPLES, inside, script, useRoot } from './ns.ts'

// The example scripts. A network namespace plays the host, with a /run of its own; ip(8) and nft(8) only look.

checkMachine()
const needs = requires({ root: true, program: '/bin/busybox' })
const { folder, root } = useRoot('ns-network', needs)

const PRE = join(EXAMPLES, 'pre.sh')
const COMMAND = `${process.execPath} ${CARREL}`

/** Runs a script on the machine that the namespace plays; $NS begins a call of carrel ns with the example. */
function onHost(text: string): SpawnSyncReturns<string> {
  const path = script(
    folder,
    'host.sh',
    `set -e
     mount -t tmpfs tmpfs /run
     ns() { ${COMMAND} ns -n --env CARREL="${COMMAND}" "$@"; }
     ${text}`,
  )
  const command = ['--net', '--mount', '--kill-child', '--pid', '--fork', '--mount-proc', path]
  return spawnSync('unshare', command, { encoding: 'utf8', timeout: 60_000, killSignal: 'SIGKILL', cwd: '/' })
}

test('N17, N18, D-N01: pre.sh and init.sh make a network that works, for as long as the container lives', needs, () => {
  const { stdout, stderr, status } = onHost(`
    ns ${PRE} ${root} /init.sh -- sh -c 'ping -c 1 -W 2 10.99.88.1; ip -o -4 addr show eth0; ip route'
    ns -u ${PRE} ${root} /init.sh 4242 4343 -- ping -c 1 -W 2 10.99.88.1
    for try in 1 2 3 4 5 6 7 8 9 10; do ip -o link show veth0 2>/dev/null || break; sleep 0.2; done
    ip -o link | wc -l
    cat /proc/sys/net/ipv4/ip_forward; ls -A /run; nft list tables`)
  assert.equal(status, 0, `${stdout}${stderr}`)
  assert.equal([...stdout.matchAll(/1 packets transmitted, 1 packets received/g)].length, 2, stdout)
  assert.match(stdout, /eth0 +inet 10\.99\.88\.2\/24/)
  assert.match(stdout, /^default via 10\.99\.88\.1 dev eth0 *$/m)
  assert.match(stdout, /\n1\n0\n$/, 'lo alone is left, nothing is forwarded, nothing is noted')
})

test('N17: with NAT=1 the container reaches what the host reaches; --undo takes it back', needs, () => {
  const { stdout, stderr, status } = onHost(`
    unshare --net sleep 60 & outside=$!
    while [ "$(readlink /proc/$outside/ns/net)" = "$(readlink /proc/$$/ns/net)" ]; do sleep 0.05; done
    ${COMMAND} net veth $outside --host out0=192.0.2.1/24 --guest out1=192.0.2.2/24 >/dev/null
    ns ${PRE} ${root} /init.sh -- ping -c 1 -W 1 192.0.2.2 || echo unreachable
    ns --env NAT=1 ${PRE} ${root} /init.sh -- ping -c 1 -W 2 192.0.2.2
    cat /proc/sys/net/ipv4/ip_forward; nft list tables
    ${PRE} --undo
    echo undone; cat /proc/sys/net/ipv4/ip_forward; ls -A /run; nft list tables
    kill $outside`)
  assert.equal(status, 0, `${stdout}${stderr}`)
  assert.match(stdout, /1 packets transmitted, 0 packets received, 100% packet loss\nunreachable\n/)
  assert.match(stdout, /1 packets transmitted, 1 packets received[^]*\n1\ntable ip carrel_ns\nundone\n0\n$/)
})

test(
  'N18, D-N12: init.sh mounts sysfs and devtmpfs where it may, never in a user namespace, and goes on where it may not',
  needs,
  () => {
    const bare = join(folder, 'bare')
    assert.equal(spawnSync('cp', ['-a', root, bare]).status, 0)
    rmSync(join(bare, 'dev/null'))
    const look = 'ls /sys | wc -l; grep -E "^[^ ]* /(dev|sys) " /proc/mounts | cut -d" " -f2,3; echo on'
    const run = (...words: readonly string[]): readonly string[] => {
      const ids = words.includes('-u') ? ['4242', '4343'] : []
      return inside(bare, `exec /init.sh sh -c '${look}'`, ['--dev', 'root', ...words], ids)
        .trimEnd()
        .split('\n')
    }
    const may = ['--cap', 'SYS_ADMIN', '--seccomp', 'unconfined']
    assert.deepEqual(run(), ['0', 'on'])
    assert.deepEqual(run('-u', '-n', ...may), ['0', 'on'])
    const [sys, ...mounts] = run(...may)
    assert.ok(Number(sys) > 5, sys)
    assert.deepEqual(mounts, ['/sys sysfs', '/dev devtmpfs', 'on'])
  },
)

test('N18, N20: init.sh becomes /sbin/init or /bin/init, and a shell with DEBUG=1', needs, () => {
  const init = script(join(root, 'sbin'), 'init', 'echo "I am $0, process $$"')
  assert.equal(init, join(root, 'sbin/init'))
  const run = (options: readonly string[]): string => {
    const words = ['ns', ...options, '-', root, '/init.sh']
    return spawnSync(process.execPath, [CARREL, ...words], { encoding: 'utf8', input: 'echo shell $$\n' }).stdout
  }
  assert.equal(run([]), 'I am /sbin/init, process 1\n')
  assert.equal(run(['--env', 'DEBUG=1']), 'shell 1\n')
})

test('N17: without an nft that works, pre.sh fails and leaves forwarding as it was', needs, () => {
  const bin = join(folder, 'bin')
  mkdirSync(bin)
  script(bin, 'nft', 'exit 1')
  const text = `mount -t tmpfs run /run && echo 0 >/proc/sys/net/ipv4/ip_forward && ${PRE} 1; echo $?; ls -A /run
    cat /proc/sys/net/ipv4/ip_forward`
  const env = { PATH: `${bin}:/usr/bin:/bin`, NAT: '1', CLONE_NEWNET: '1', CARREL: '/bin/true' }
  const { stdout } = spawnSync('unshare', ['-mn', 'sh', '-c', text], { encoding: 'utf8', env })
  assert.equal(stdout, '1\n0\n')
})
