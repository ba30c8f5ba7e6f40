import assert from 'node:assert/strict'
import { spawn, spawnSync } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, openSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CARREL } from '../cli/carrel.ts'
import { asUser, installForEverybody, USER } from '../rootless/ordinary-user.ts'
import { eventually } from '../support/eventually.ts'
import { makeRoot } from '../support/oci-bundle.ts'
import { scratch, undoAfterTest, useOci } from '../support/oci.ts'
import { isAlive, namespaceOf, withCommandLine } from '../support/proc.ts'
import { requires } from '../support/requires.ts'
import { NAMESPACES, NsinitDirectory } from './nsinit-directory.ts'

// What a container, or whoever else may write to its directory, gets by it: nothing.

const NEEDS = requires({ root: true })
useOci()

test(
  'D-L18: no descriptor of the caller gets in, whichever it has open, first process or joined (CVE-2024-21626)',
  NEEDS,
  async () => {
    const one = new NsinitDirectory()
    const host = openSync('/etc', 'r')
    try {
      const script =
        'for fd in /proc/self/fd/*; do case $(readlink $fd) in /etc*) echo out by $fd;; esac; done; ls /proc/self/cwd/etc'
      const words = ['exec', 'sh', '-c', script]
      const first = one.nsinit(words, { descriptors: [host, host] })
      assert.equal(first.stdout, 'group\npasswd\n', first.stderr)
      const live = await one.live()
      assert.equal(one.nsinit(words, { descriptors: [host, host] }).stdout, 'group\npasswd\n')
      assert.equal(isAlive(live.pid), true)
    } finally {
      closeSync(host)
    }
  },
)

test(
  'D-L18: while somebody joins, no file of the host can be opened through the joining process (CVE-2019-5736)',
  NEEDS,
  async () => {
    const one = new NsinitDirectory()
    // As soon as there is another process, its program is opened for writing, until ten of them have come and gone.
    const attack = `
    until [ -e /stop ]; do
      for p in /proc/[0-9]*; do
        e=$(readlink $p/exe 2>/dev/null) || continue
        [ "$e" = /bin/busybox ] && continue
        echo "$e" >> /seen
        (: >> $p/exe) 2>/dev/null && echo "$e" >> /wrote
      done
    done`
    const live = await one.live(`${attack}\n sleep 1000`)
    for (let count = 0; count < 5; count++) assert.equal(one.exec('true').status, 0)
    writeFileSync(one.file('stop'), '')
    assert.equal(one.has('wrote'), false)
    // What it may see for a moment is the sealed copy in memory, no path of the host.
    const seen = one.has('seen') ? readFileSync(one.file('seen'), 'utf8') : ''
    assert.equal(/^\/(?!memfd:)/m.test(seen), false, seen)
    assert.equal(isAlive(live.pid), true)
  },
)

test(
  'D-L14: a directory as stdin, by which a command would get out of the root, is refused; also for who joins',
  NEEDS,
  async () => {
    const one = new NsinitDirectory()
    const fromRoot = () =>
      spawnSync('sh', ['-c', `exec ${process.execPath} ${CARREL} nsinit exec true </`], {
        cwd: one.path,
        encoding: 'utf8',
      })
    const refused = /^carrel: stdin is a directory.*redirect it to a file or to \/dev\/null$/m
    const alone = fromRoot()
    assert.deepEqual([alone.status, one.stored, one.groups], [125, undefined, []])
    assert.match(alone.stderr, refused)
    const live = await one.live()
    const joining = fromRoot()
    assert.equal(joining.status, 125)
    assert.match(joining.stderr, refused)
    process.kill(live.pid, 'SIGKILL')
    await live.ended
  },
)

test('D-L14: root of a container cannot say what the next start of its directory allows', NEEDS, () => {
  const one = new NsinitDirectory({ capabilities: ['CHOWN', 'DAC_OVERRIDE', 'FOWNER', 'LINUX_IMMUTABLE'] })
  const before = readFileSync(one.file('container.json'), 'utf8')
  const tries = [
    'echo {} > /container.json',
    'rm -f /container.json',
    'mv /container.json /x',
    'mv /etc/passwd /container.json',
  ]
  for (const each of tries) assert.equal(one.exec('sh', '-c', `(${each}) 2>/dev/null && echo done`).stdout, '', each)
  assert.equal(readFileSync(one.file('container.json'), 'utf8'), before)
})

test('D-L14: a data directory below the root, which a container could replace by another, is refused', NEEDS, () => {
  const one = new NsinitDirectory()
  const data = one.file('etc/data')
  mkdirSync(data)
  writeFileSync(join(data, 'container.json'), JSON.stringify(one.config))
  const { status, stderr } = one.nsinit(['--data-path', data, 'exec', 'true'])
  assert.deepEqual([status, stderr.includes('must not be below the root')], [125, true], stderr)
})

test('D-L14: container.json is kept from the container by whatever name its directory was given', NEEDS, () => {
  const one = new NsinitDirectory({ capabilities: ['CHOWN', 'DAC_OVERRIDE'] })
  const alias = scratch('alias')
  mkdirSync(alias)
  assert.equal(spawnSync('mount', ['--bind', one.path, alias]).status, 0)
  try {
    const words = ['--data-path', alias, 'exec', 'sh', '-c', '(echo >>/container.json) 2>/dev/null && echo done']
    assert.equal(one.nsinit(words).stdout, '')
  } finally {
    assert.equal(spawnSync('umount', [alias]).status, 0)
  }
  assert.equal(readFileSync(one.file('container.json'), 'utf8'), JSON.stringify(one.config))
})

test('D-L14: files that a container made as long as it likes take no memory and no time of the host', NEEDS, () => {
  const one = new NsinitDirectory({ capabilities: ['CHOWN', 'DAC_OVERRIDE'] })
  const length = 2 ** 35
  writeFileSync(one.file('state.json'), '')
  truncateSync(one.file('state.json'), length)
  assert.equal(one.script('echo ran'), 'ran\n')
  const passwd = readFileSync(one.file('etc/passwd'))
  truncateSync(one.file('etc/passwd'), length)
  assert.match(
    one.exec('true').stderr,
    /\/user is looked up in \/etc\/passwd of the root, which has more than \d+ bytes/,
  )
  writeFileSync(one.file('etc/passwd'), passwd)
  truncateSync(one.file('container.json'), length)
  assert.match(one.exec('true').stderr, /container\.json must not be longer than \d+ bytes/)
})

test('D-L14: a container.json that is a link, and so may be a container’s, is refused', NEEDS, () => {
  const one = new NsinitDirectory()
  const elsewhere = scratch('container.json')
  writeFileSync(elsewhere, JSON.stringify(one.config))
  rmSync(one.file('container.json'))
  one.link('container.json', elsewhere)
  assert.match(one.exec('true').stderr, /container\.json is a symbolic link/)
})

test(
  'D-L03, D-L14: what a container puts in the place of pid and state.json is neither believed nor followed',
  NEEDS,
  async () => {
    const one = new NsinitDirectory({ capabilities: ['CHOWN', 'DAC_OVERRIDE', 'FOWNER'] })
    const victim = scratch('victim')
    writeFileSync(victim, 'of the host')
    const stranger = spawn('sleep', ['1021'])
    undoAfterTest(() => void stranger.kill('SIGKILL'))
    const lies = `rm /pid /state.json; ln -s ${victim} /state.json; echo ${stranger.pid} > /pid; echo told; sleep 1000`
    const live = one.start(['sh', '-c', lies])
    await live.shows(/told/)
    // Whoever joins goes by the record, not by these.
    const pid = recorded(one)
    assert.equal(one.script('readlink /proc/self/ns/uts'), `${namespaceOf(pid, 'uts')}\n`)
    process.kill(pid, 'SIGKILL')
    await live.ended
    assert.deepEqual([one.has('pid'), existsSync(one.file('state.json'))], [false, false])
    assert.equal(readFileSync(victim, 'utf8'), 'of the host')
    assert.equal(isAlive(stranger.pid ?? 0), true)
  },
)

/** As the record has it */
const recorded = (one: NsinitDirectory): number =>
  (JSON.parse(readFileSync(join(one.stored ?? '', 'state.json'), 'utf8')) as { pid: number }).pid

test(
  'L54, L36: who is killed before the command runs leaves none: nothing is executed without its nsinit',
  NEEDS,
  async () => {
    const one = new NsinitDirectory({ user: 'somebody' })
    const marks = scratch('marks')
    mkdirSync(marks, { mode: 0o777 })
    // Killed at ever later moments of a start, until one gets as far as its command.
    let started = false
    for (let delayMs = 60; !started && delayMs < 20_000; delayMs += 40) {
      const running = one.start(['sleep', '1022'])
      await new Promise((resolve) => setTimeout(resolve, delayMs))
      started = one.has('pid')
      running.child.kill('SIGKILL')
      await running.ended
      await eventually(
        () => withCommandLine('sleep\0' + '1022').length === 0,
        () => `a container that outlived its nsinit after ${delayMs} ms`,
      )
    }
    assert.equal(started, true)
    assert.equal(one.script('echo $$'), '1\n')
    assert.deepEqual([one.groups, one.has('pid'), one.stored], [[], false, undefined])
  },
)

test(
  'L10, D-L09: an ordinary user has containers of root in a user namespace; SIGKILL of nsinit ends them too',
  NEEDS,
  () => {
    const folder = installForEverybody()
    undoAfterTest(() => rmSync(folder, { recursive: true, force: true }))
    const path = join(folder, 'root')
    mkdirSync(path)
    makeRoot(path)
    const config = {
      namespaces: { ...NAMESPACES, NEWUSER: true },
      environment: ['PATH=/bin'],
      capabilities: ['CHOWN'],
      hostname: 'mine',
    }
    writeFileSync(join(path, 'container.json'), JSON.stringify(config))
    mkdirSync(join(folder, 'session'), { mode: 0o700 })
    const owned = spawnSync('chown', ['-hR', `${USER}:${USER}`, path, join(folder, 'session')])
    assert.equal(owned.status, 0)
    const carrel = `${process.execPath} ${folder}/dist/cli/main.js`
    const script = [
      `cd ${path}; export XDG_RUNTIME_DIR=${folder}/session CARREL="${carrel}"`,
      '$CARREL nsinit exec sh -c "hostname; id -u; exit 5"; echo code $?',
      '$CARREL nsinit exec sh -c "echo up; exec sleep 1023" > out & nsinit=$!',
      'until grep -q up out; do sleep 0.05; done; pid=$(cat pid)',
      '$CARREL nsinit exec sh -c "hostname; cat /proc/1/comm"; echo code $?',
      'grep Uid /proc/$pid/status; kill -9 $nsinit',
      'n=0; while grep -qs "^State:.[SRD]" /proc/$pid/status && [ $n -lt 100 ]; do sleep 0.05; n=$((n+1)); done',
      'test $n -lt 100 && echo ended; $CARREL nsinit exec sh -c "echo \\$\\$"; ls pid state.json $XDG_RUNTIME_DIR/carrel-nsinit',
    ].join('\n')
    const { stdout, stderr } = asUser(['sh', '-c', script], { folder })
    const uid = `Uid:\t${USER}\t${USER}\t${USER}\t${USER}`
    const wanted = [
      'mine',
      '0',
      'code 5',
      'mine',
      'sleep',
      'code 0',
      uid,
      'ended',
      '1',
      `${folder}/session/carrel-nsinit:`,
    ]
    assert.deepEqual(stdout.trim().split('\n'), wanted, stderr)
  },
)
