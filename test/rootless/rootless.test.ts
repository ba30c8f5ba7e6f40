import assert from 'node:assert/strict'
import { chownSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { descendants } from '../sandbox/leaks.ts'
import { asUser, carrelAsUser, installForEverybody, USER } from './ordinary-user.ts'

// An ordinary user starts sandboxes: everything that needs no more than the kernel gives everybody.

const isRoot = process.getuid?.() === 0
const skip = isRoot ? false : 'these tests drop from root to an ordinary user'
let folder = ''
let mine = ''
before(() => {
  if (!isRoot) return
  folder = installForEverybody()
  mine = join(folder, 'mine')
  mkdirSync(mine)
  writeFileSync(join(mine, 'old'), 'old\n')
  for (const path of [mine, join(mine, 'old')]) chownSync(path, USER, USER)
})
after(() => {
  if (folder) rmSync(folder, { recursive: true })
})

/** The same law for both ways of having ids. */
const WAYS = [
  { way: 'a single id', ranges: undefined },
  { way: 'ranges of /etc/subuid', ranges: `${USER}:300000:65536\n` },
] as const

for (const { way, ranges } of WAYS) {
  const hasTools = existsSync('/usr/bin/newuidmap') && existsSync('/etc/subuid')
  const options = {
    skip: skip || (ranges !== undefined && !hasTools ? 'newuidmap (package uidmap) is missing' : false),
  }
  const run = (words: readonly string[], input?: string): ReturnType<typeof carrelAsUser> =>
    carrelAsUser(['run', ...words], {
      folder,
      ...(ranges ? { ranges } : {}),
      ...(input === undefined ? {} : { input }),
    })
  const shell = (script: string, ...words: string[]): string => {
    const { stdout, stderr, status } = run([...words, '--', 'sh', '-c', script])
    assert.equal(status, 0, stderr)
    return stdout.trim()
  }

  test(`A20, X13: with ${way}, an ordinary user runs a command without any privilege`, options, () => {
    const status = shell('grep -E "^(Cap|NoNewPrivs|Seccomp:|Groups)" /proc/self/status')
    const zero = '0'.repeat(16)
    const sets = ['Inh', 'Prm', 'Eff', 'Bnd', 'Amb'].map((set) => `Cap${set}:\t${zero}`)
    for (const line of [...sets, 'NoNewPrivs:\t1', 'Seccomp:\t2'])
      assert.ok(status.includes(line), `${line} is not in ${status}`)
  })

  test(`with ${way}, the command’s id is the user’s own on the host, and root’s is nobody’s`, options, () => {
    assert.equal(shell('id -u; id -g; whoami'), '1000\n1000\nuser')
    const rows = shell('cat /proc/self/uid_map')
      .split('\n')
      .map((line) => line.trim().split(/\s+/).map(Number))
    assert.ok(rows.some(([inside, outside, count]) => inside === 1000 && outside === USER && count === 1))
    assert.ok(rows.every(([, outside = 0]) => outside > 0))
    assert.equal(rows.length, ranges ? 3 : 1)
  })

  test(`with ${way}, the sandbox is as closed as root’s`, options, () => {
    assert.equal(shell('ls -d /root /boot 2>/dev/null; ls /sys 2>/dev/null; true'), '')
    assert.equal(shell('tail -n +3 /proc/net/dev | cut -d: -f1').trim(), 'lo')
    assert.ok(Number(shell('ls /proc | grep -c "^[0-9]"')) <= 5)
    assert.doesNotMatch(shell('cat /proc/self/mountinfo'), /shared:|master:/)
    const kinds = ['cgroup', 'ipc', 'mnt', 'net', 'pid', 'time', 'user', 'uts']
    const host = asUser(['sh', '-c', `cd /proc/self/ns && readlink ${kinds.join(' ')}`], { folder })
      .stdout.trim()
      .split('\n')
    const inside = shell(`cd /proc/self/ns && readlink ${kinds.join(' ')}`).split('\n')
    assert.deepEqual(
      inside.filter((link) => host.includes(link)),
      [],
    )
    assert.equal(shell('(echo x > /proc/sys/kernel/core_pattern) 2>/dev/null || echo refused'), 'refused')
    assert.equal(
      shell('unshare -U true 2>/dev/null || echo refused; (: > /usr/x) 2>/dev/null || echo refused'),
      'refused\nrefused',
    )
    assert.equal(shell('hostname', '--hostname', 'desk'), 'desk')
  })

  test(`with ${way}, python3, node and a pipe work inside`, options, () => {
    assert.equal(run(['--', 'python3', '-c', 'print(sum(range(10**6)))']).stdout, '499999500000\n')
    assert.equal(run(['--', 'node', '-p', '6*7']).stdout, '42\n')
    assert.equal(run(['--', 'cat'], 'in\n').stdout, 'in\n')
  })

  test(`with ${way}, exit codes, signals and the time limit are as for root`, options, () => {
    assert.equal(run(['--', 'sh', '-c', 'exit 7']).status, 7)
    assert.equal(run(['--', 'sh', '-c', 'kill -9 $$']).status, 137)
    assert.equal(run(['--', 'missing']).status, 127)
    const { stdout, status } = run([
      '--json',
      '--timeout',
      '200ms',
      '--grace',
      '50ms',
      '--',
      'sh',
      '-c',
      'setsid sleep 60 & sleep 60',
    ])
    assert.deepEqual([(JSON.parse(stdout) as { outcome: string }).outcome, status], ['timeout', 143])
  })

  test(`with ${way}, binds work as the user’s own rights allow`, options, () => {
    assert.equal(shell('cat /d/old; echo new > /d/new; stat -c %u:%g /d/new', '--bind', `${mine}:/d`), 'old\n1000:1000')
    assert.equal(statSync(join(mine, 'new')).uid, USER)
    rmSync(join(mine, 'new'))
    assert.equal(shell('echo x 2>/dev/null > /d/old || echo refused', '--bind', `${mine}:/d:ro`), 'refused')
    assert.equal(shell('(: > /e/x) 2>/dev/null || echo refused', '--bind', '/etc:/e'), 'refused')
    assert.equal(readFileSync(join(mine, 'old'), 'utf8'), 'old\n')
  })

  test(`with ${way}, a terminal can be had`, options, () => {
    assert.match(run(['--tty', '--', 'sh', '-c', 'tty; stty size; sleep 0.2']).stdout, /^\/dev\/pts\/0\r\n24 80\r\n/)
  })

  test(`with ${way}, a limit that was named and cannot be enforced is refused, with reason and remedy`, options, () => {
    for (const [option, value] of [
      ['--memory', '64M'],
      ['--pids', '20'],
      ['--cpus', '1'],
    ] as const) {
      const { status, stderr, stdout } = run([option, value, '--', 'true'])
      assert.equal(status, 125, option)
      assert.equal(stdout, '')
      assert.match(stderr, /^carrel: Cannot enforce (memory|pids|cpus), because .+: .+$/m)
    }
  })

  test(`with ${way}, best effort drops the limit and says so; what stands in for it is in force`, options, () => {
    const { status, stderr, stdout } = run([
      '--memory',
      '64M',
      '--pids',
      '20',
      '--best-effort',
      '--',
      'sh',
      '-c',
      'ulimit -d; ulimit -p',
    ])
    assert.equal(status, 0, stderr)
    assert.match(stderr, /carrel: memory is not enforced: /)
    assert.match(stderr, /carrel: pids is not enforced: /)
    assert.equal(stdout, '65536\n20\n')
  })

  test(`with ${way}, the default limits fall back to those of each process, and are listed`, options, () => {
    const { stdout, stderr } = run(['--json', '--', 'sh', '-c', 'ulimit -d; ulimit -p'])
    const result = JSON.parse(stdout) as {
      stdout: string
      notApplied: readonly { limit: string; reason: string; remedy: string }[]
    }
    assert.deepEqual(result.notApplied.map(({ limit }) => limit).sort(), ['memory', 'pids'])
    for (const { reason, remedy } of result.notApplied) assert.ok(reason && remedy)
    assert.equal(result.stdout, `${2 ** 20}\n512\n`)
    assert.equal(stderr, '')
  })

  test(`with ${way}, a fork bomb and a hog end, and nothing of them is left`, options, () => {
    const bomb = run([
      '--json',
      '--timeout',
      '500ms',
      '--grace',
      '50ms',
      '--',
      'sh',
      '-c',
      'f() { f | f & }; f 2>/dev/null; sleep 60',
    ])
    assert.equal((JSON.parse(bomb.stdout) as { outcome: string }).outcome, 'timeout')
    const hog = run(['--', 'python3', '-c', 'try: x = bytearray(3 << 30)\nexcept MemoryError: print("refused")'])
    assert.equal(hog.stdout, 'refused\n')
    assert.deepEqual(
      descendants(process.pid).filter((pid) => ofUser(pid)),
      [],
    )
  })
}

function ofUser(pid: number): boolean {
  try {
    return statSync(`/proc/${pid}`).uid === USER
  } catch {
    return false
  }
}

test('with a single id, another user than the one id there is is refused with the remedy', { skip }, () => {
  const { status, stdout } = carrelAsUser(['run', '--user', '0', '--', 'id', '-u'], { folder })
  assert.deepEqual([status, stdout], [0, '0\n'])
})

test(
  'with ranges, root inside is somebody of the range',
  { skip: skip || (existsSync('/usr/bin/newuidmap') ? false : 'newuidmap (package uidmap) is missing') },
  () => {
    const how = { folder, ranges: `${USER}:300000:65536\n` }
    const { stdout, stderr } = carrelAsUser(
      [
        'run',
        '--user',
        '0',
        '--',
        'sh',
        '-c',
        'id -u; chown 5:5 /tmp/x 2>/dev/null; touch /tmp/x; stat -c %u /tmp/x /usr',
      ],
      how,
    )
    assert.equal(stdout, '0\n0\n65534\n', stderr)
  },
)

test('carrel doctor tells an ordinary user what is missing', { skip }, () => {
  const { stdout, status } = carrelAsUser(['doctor'], { folder })
  assert.equal(status, 0, stdout)
  assert.match(stdout, /a default sandbox runs a command/)
})

test('nothing of the ordinary user’s is left in its folder', { skip }, () => {
  assert.deepEqual(readdirSync(mine), ['old'])
})
