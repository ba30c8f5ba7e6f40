import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { openFolder } from '../sandbox/build.ts'
import { groupsOf } from '../sandbox/leaks.ts'
import { carrel, run, shell, start } from './carrel.ts'
import { eventually } from '../support/eventually.ts'

// `carrel run` as a program among programs: exit codes, streams, signals, options, and real programs inside.

const folder = openFolder('cli')
after(() => rmSync(folder, { recursive: true }))

test('carrel run: python3 computes', () => {
  const { stdout, stderr, status } = run(['python3', '-c', 'print(sum(range(10**6)))'])
  assert.deepEqual({ stdout, stderr, status }, { stdout: '499999500000\n', stderr: '', status: 0 })
})

test('carrel run: a C program is compiled outside and run inside, and compiled inside', () => {
  const source = '#include <stdio.h>\nint main(int c, char **v) { printf("%s %d\\n", v[1], c); return 42; }\n'
  writeFileSync(join(folder, 'hello.c'), source)
  assert.equal(shell(`cc -o ${folder}/hello ${folder}/hello.c`).status, 0)
  const bound = carrel(['run', '--bind', `${folder}/hello:/hello:ro`, '--', '/hello', 'ä'])
  assert.deepEqual([bound.stdout, bound.status], ['ä 2\n', 42])
  const compiled = run(['sh', '-c', 'cat > a.c && gcc -O2 -o a a.c && ./a inside'], { input: source })
  assert.deepEqual([compiled.stdout, compiled.status], ['inside 2\n', 42], compiled.stderr)
})

test('carrel run: node and npm run inside', () => {
  assert.deepEqual(run(['node', '-p', '6 * 7 + os.cpus().length * 0']).stdout, '42\n')
  const { stdout, stderr, status } = run(['npm', '--version'])
  assert.match(stdout, /^\d+\.\d+\.\d+\n$/, stderr)
  assert.equal(status, 0)
})

test('carrel run: any exit code is the command’s own', () => {
  const codes = [0, 1, 2, 3, 42, 99, 124, 125, 126, 127, 128, 129, 137, 200, 254, 255]
  const { stdout } = shell(
    codes.map((code) => `$CARREL run -- sh -c 'exit ${code}' & p${code}=$!`).join('\n') +
      '\n' +
      codes.map((code) => `wait $p${code}; echo $?`).join('\n'),
  )
  assert.deepEqual(stdout.trim().split('\n').map(Number), codes)
})

test('D-N08, D-L12: 128 and the number for a signal', () => {
  for (const [name, number] of [
    ['KILL', 9],
    ['TERM', 15],
    ['SEGV', 11],
  ] as const) {
    assert.equal(run(['sh', '-c', `kill -${name} $$`]).status, 128 + number, name)
  }
})

test('carrel run: 127 for a command that does not exist, 126 for one that cannot be executed, 125 for carrel itself', () => {
  const cases = [
    [['run', '--', 'no-such-command'], 127, /no-such-command/],
    [['run', '--', '/no/such/command'], 127, /ENOENT/],
    [['run', '--', '/etc/passwd'], 126, /EACCES/],
    [['run', '--', '/usr'], 126, /EACCES/],
    [['run', '--memory', 'much', '--', 'true'], 125, /memory/],
    [['run', '--no-such-option', '--', 'true'], 125, /--no-such-option/],
    [['run', '--workdir', '/missing', '--', 'true'], 125, /chdir\("\/missing"\): ENOENT/],
    [['run'], 125, /command/],
    [['no-such-verb'], 125, /no-such-verb/],
    [['run', '--seccomp', 'off', '--', 'true'], 125, /seccomp/],
  ] as const
  for (const [words, code, message] of cases) {
    const { status, stdout, stderr } = carrel(words)
    assert.equal(status, code, `${words.join(' ')}: ${stderr}`)
    assert.match(stderr, message)
    assert.match(stderr, /^carrel: /)
    assert.equal(stdout, '')
  }
})

test('carrel run --json: one object with the result’s names, the command’s exit code, nothing else on stdout', () => {
  const { stdout, stderr, status } = carrel(['run', '--json', '--', 'sh', '-c', 'echo out; echo err >&2; exit 3'])
  const result = JSON.parse(stdout) as Record<string, unknown>
  assert.deepEqual([status, stderr], [3, ''])
  const { usage, ...rest } = result
  assert.deepEqual(rest, {
    exitCode: 3,
    signal: null,
    stdout: 'out\n',
    stderr: 'err\n',
    outcome: 'exited',
    notApplied: [],
  })
  assert.deepEqual(Object.keys(usage as object).sort(), ['oomKills', 'peakMemoryBytes', 'systemMs', 'userMs', 'wallMs'])
})

test('carrel run --json: every outcome has its name', () => {
  const outcomes = [
    [['--timeout', '200ms', '--grace', '50ms', '--', 'sleep', '60'], 'timeout', 'SIGTERM', 143],
    [['--memory', '32M', '--', '/usr/bin/python3', '-c', 'x = bytearray(200_000_000)'], 'oom', 'SIGKILL', 137],
    [['--output-limit', '64K', '--', 'yes'], 'output-limit', 'SIGKILL', 137],
    [['--', 'sh', '-c', 'kill -9 $$'], 'signaled', 'SIGKILL', 137],
  ] as const
  for (const [words, outcome, signal, code] of outcomes) {
    const { stdout, status } = carrel(['run', '--json', ...words])
    const result = JSON.parse(stdout) as Record<string, unknown>
    assert.deepEqual(
      [result['outcome'], result['signal'], result['exitCode'], status],
      [outcome, signal, code, code],
      words.join(' '),
    )
  }
})

test('carrel run --json: an error is an object too', () => {
  for (const [words, code, name] of [
    [['--', 'no-such-command'], 127, 'SyscallError'],
    [['--memory', '12Q', '--', 'true'], 125, 'InvalidInputError'],
  ] as const) {
    const { stdout, status } = carrel(['run', '--json', ...words])
    const { error } = JSON.parse(stdout) as { error: Record<string, unknown> }
    assert.deepEqual(
      [status, error['name'], typeof error['message'], typeof error['code']],
      [code, name, 'string', 'string'],
    )
  }
})

test('R03: stdin, stdout and stderr pass straight through: a gibibyte from a pipe', () => {
  const { stdout, status } = shell('head -c 1G /dev/zero | $CARREL run -- sha256sum')
  assert.deepEqual([stdout, status], ['49bc20df15e412a64472421e13fe86ff1c5165e18b2afccf160d4dc19fe68a14  -\n', 0])
})

test('R03: a pipe on which nothing has come yet keeps the command waiting: carrel makes none nonblocking', () => {
  const { stdout, status } = shell('(sleep 1; echo late) | $CARREL run -- cat')
  assert.deepEqual([stdout, status], ['late\n', 0])
})

test('carrel run: stdin and stdout may be files, which are written in place', () => {
  const [input, output] = [join(folder, 'input'), join(folder, 'output')]
  writeFileSync(input, 'b\na\n')
  writeFileSync(output, 'first\n')
  assert.equal(shell(`$CARREL run -- sort < ${input} >> ${output} 2> ${folder}/errors`).status, 0)
  assert.equal(readFileSync(output, 'utf8'), 'first\na\nb\n')
  assert.equal(statSync(join(folder, 'errors')).size, 0)
  assert.equal(shell('$CARREL run -- cat < /dev/null').stdout, '')
  assert.equal(shell('$CARREL run -- sh -c "echo a > /dev/stdout; echo b > /dev/stderr" 2>&1 | sort').stdout, 'a\nb\n')
})

test('carrel run: a closed reader ends the writer, as in any pipe', () => {
  const { stdout } = shell('$CARREL run -- yes | head -1; echo "${PIPESTATUS[0]}"')
  assert.equal(stdout, 'y\n141\n')
})

test('carrel run: standard streams that are closed do no harm', () => {
  assert.equal(shell('$CARREL run -- sh -c "exit 4" <&- ').status, 4)
  assert.equal(shell('$CARREL run -- sh -c "exit 5" >&-').status, 5)
  assert.equal(shell('$CARREL run -- sh -c "exit 6" <&- >&- 2>&-').status, 6)
})

test('D-N08: signals reach the command, which decides', async () => {
  for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP', 'SIGQUIT', 'SIGUSR1', 'SIGUSR2'] as const) {
    const script = `trap "echo got; exit 9" ${signal.slice(3)}; echo ready; while :; do sleep 0.02; done`
    const child = start(['run', '--', 'sh', '-c', script], { stdio: ['ignore', 'pipe', 'inherit'] })
    let output = ''
    child.stdout?.on('data', (chunk: Uint8Array) => {
      output += Buffer.from(chunk).toString()
      if (output === 'ready\n') child.kill(signal)
    })
    assert.deepEqual(await once(child, 'close'), [9, null], signal)
    assert.equal(output, 'ready\ngot\n')
  }
})

test('carrel run: one that is killed leaves nothing', async () => {
  const child = start(['run', '--', 'sh', '-c', 'echo ready; setsid sleep 1000 & sleep 1000'], {
    stdio: ['ignore', 'pipe', 'inherit'],
  })
  await once(child.stdout ?? assert.fail(), 'data')
  const pid = child.pid ?? assert.fail()
  assert.ok(groupsOf(pid).length > 0)
  child.kill('SIGKILL')
  await once(child, 'exit')
  await eventually(
    () => groupsOf(pid).length === 0,
    () => groupsOf(pid).join(),
  )
})

test('carrel run --timeout ends the command and all that it started', () => {
  const begin = performance.now()
  const { status } = carrel([
    'run',
    '--timeout',
    '1s',
    '--grace',
    '100ms',
    '--',
    'sh',
    '-c',
    'trap "" TERM; sleep 60 & sleep 60',
  ])
  assert.equal(status, 137)
  assert.ok(performance.now() - begin < 20_000)
})

test('carrel run: every option reaches the sandbox', () => {
  writeFileSync(join(folder, 'motd'), 'welcome\n')
  const words = [
    '--env',
    'ONE=1',
    '--env',
    'HOST_VALUE',
    '--workdir',
    '/tmp',
    '--user',
    '77:88',
    '--hostname',
    'desk',
    '--rlimit',
    'NOFILE=55',
  ]
    .concat([
      '--cap',
      'chown',
      '--etc',
      `motd=${folder}/motd`,
      '--tmp',
      '7M',
      '--bind',
      `${folder}:/data:ro`,
      '--net',
      'host',
      '--pids',
      '40',
      '--cpus',
      '1.5',
    ])
    .concat(['--memory', '100M', '--seccomp', 'unconfined'])
  const script =
    'echo $ONE $HOST_VALUE; pwd; id -u; id -g; hostname; ulimit -n; cat /etc/motd /data/motd; df -B1M --output=size /tmp | tail -1'
  const rest = 'grep -E "^(CapEff|Seccomp):" /proc/self/status; ls /proc/sys/net/ipv4/conf | head -9'
  const { stdout, stderr, status } = carrel(['run', ...words, '--', 'sh', '-c', `${script}; ${rest}`], {
    env: { ...process.env, HOST_VALUE: 'h' },
  })
  assert.equal(status, 0, stderr)
  const lines = stdout.split('\n').map((line) => line.trim())
  assert.deepEqual(lines.slice(0, 9), ['1 h', '/tmp', '77', '88', 'desk', '55', 'welcome', 'welcome', '7'])
  assert.deepEqual(lines.slice(9, 11), ['CapEff:\t0000000000000001', 'Seccomp:\t0'])
})

test('carrel run: what a wrong option is called in the message', () => {
  const cases: readonly (readonly [readonly string[], RegExp])[] = [
    [['--memory', '-5'], /memory/],
    [['--pids', 'few'], /pids/],
    [['--cpus', '0'], /cpus/],
    [['--tmp', 'x'], /tmp/],
    [['--rootfs', '/missing'], /rootfs/],
    [['--bind', '/missing'], /binds\[0\]\.source/],
    [['--env', '=x'], /env/],
    [['--env', 'NOT_SET_HERE'], /NOT_SET_HERE/],
    [['--workdir', 'x'], /workdir/],
    [['--user', 'me'], /user/],
    [['--hostname', 'a b'], /hostname/],
    [['--net', 'x'], /net/],
    [['--cap', 'fly'], /capabilities\[0\]/],
    [['--etc', 'x'], /etc/],
    [['--etc', 'x=/missing'], /etc/],
    [['--rlimit', 'NOFILE'], /rlimit/],
    [['--rlimit', 'FILES=1'], /RLIMIT_FILES/],
    [['--timeout', '5'], /timeout/],
    [['--grace', 'x'], /grace/],
    [['--output-limit', 'x'], /output-limit/],
  ]
  const wrong = cases.flatMap(([words, message]) => {
    const { status, stderr } = carrel(['run', ...words, '--', 'true'])
    const isStack = /\n\s+at /.test(stderr)
    return status === 125 && message.test(stderr) && !isStack ? [] : [`${words.join(' ')}: ${status} ${stderr}`]
  })
  assert.deepEqual(wrong, [])
})

test('carrel explain prints the programs and runs none', () => {
  const { stdout, status } = carrel(['explain', '--hostname', 'desk', '--', 'sh', '-c', `touch ${folder}/made`])
  assert.equal(status, 0)
  for (const part of ['clone3(', 'pivot_root(".", ".")', 'sethostname("desk"', 'execve("', '# '])
    assert.ok(stdout.includes(part), part)
  assert.equal(existsSync(join(folder, 'made')), false)
  assert.equal(carrel(['explain', '--memory', 'x', '--', 'true']).status, 125)
})

test('carrel doctor says that a sandbox runs here', () => {
  const { stdout, status } = carrel(['doctor'])
  assert.equal(status, 0, stdout)
  assert.match(stdout, /a default sandbox runs a command/)
  assert.equal(typeof JSON.parse(carrel(['doctor', '--json']).stdout), 'object')
})

test('carrel --help and --version answer on stdout with 0', () => {
  for (const words of [['--help'], ['run', '--help'], ['--version']]) {
    const { status, stdout } = carrel(words)
    assert.equal(status, 0)
    assert.ok(stdout.length > 4)
  }
})
