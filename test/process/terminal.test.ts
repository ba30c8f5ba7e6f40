import assert from 'node:assert/strict'
import { text } from 'node:stream/consumers'
import { test } from 'node:test'
import { Agent } from '../../src/process/agent.ts'
import type { ExecOptions } from '../../src/process/exec.ts'
import type { Process } from '../../src/process/process.ts'
import { checkMachine } from '../support/machine-check.ts'
import { descriptorsOf } from '../support/proc.ts'
import { eventually } from '../support/eventually.ts'

checkMachine()

/** A program on a terminal, and what it has printed so far. Not bash by default: it takes a controlling terminal by itself. */
async function onTerminal(
  root: Agent,
  script: string,
  { shell = '/bin/sh', ...options }: ExecOptions & { shell?: string } = {},
): Promise<{ program: Process; screen: () => string }> {
  const program = await (
    await root.fork()
  ).exec(shell, [shell, '-c', script], {
    env: { PATH: '/usr/bin:/bin', TERM: 'xterm' },
    ...options,
    stdio: 'pty',
  })
  let screen = ''
  program.stdout?.on('data', (chunk: Buffer) => (screen += chunk.toString()))
  return { program, screen: () => screen }
}

const shows = (screen: () => string, pattern: RegExp): Promise<unknown> =>
  eventually(
    () => pattern.test(screen()),
    () => `${String(pattern)} on the screen, which shows ${JSON.stringify(screen())}`,
  )

test('X17: stdio pty: the three streams are one terminal, the controlling one of a session of its own', async () => {
  await using root = await Agent.start()
  const { program, screen } = await onTerminal(
    root,
    'test -t 0 && test -t 1 && test -t 2 && tty && echo to >/dev/tty && ps -o sid= -p $$ && echo $$',
  )
  const exit = await program.exited
  assert.ok(exit.kind === 'exited' && exit.code === 0)
  await shows(screen, /^\/dev\/pts\/\d+\r\nto\r\n\s*(\d+)\r\n\1\r\n$/)
  assert.equal(program.stderr, null)
})

test('X17: the size is the one asked for, 80 x 24 otherwise; resize() changes it and the program gets SIGWINCH', async () => {
  await using root = await Agent.start()
  const standard = await onTerminal(root, 'stty size')
  await standard.program.exited
  await shows(standard.screen, /^24 80\r\n$/)
  const { program, screen } = await onTerminal(
    root,
    'trap "stty size; exit 7" WINCH; stty size; echo ready; while :; do read -t 10; done',
    {
      shell: '/bin/bash',
      size: { columns: 100, rows: 30 },
    },
  )
  await shows(screen, /^30 100\r\nready/)
  program.resize({ columns: 132, rows: 43 })
  await shows(screen, /43 132/)
  const exit = await program.exited
  assert.ok(exit.kind === 'exited' && exit.code === 7)
  program.resize({ columns: 80, rows: 24 })
})

test('A31, X17: all output of a program that ends at once arrives, and then the end of the stream', async () => {
  await using root = await Agent.start()
  for (let round = 0; round < 10; round++) {
    const program = await (await root.fork()).exec('/bin/sh', ['sh', '-c', 'seq 300'], { stdio: 'pty', env: {} })
    const screen = await text(program.stdout as NonNullable<typeof program.stdout>)
    assert.equal(screen.split('\r\n').length, 301)
    await program.exited
  }
})

test('A31, X17: a program that closes its terminal before it ends is not hung up on, and nothing of it stays open', async () => {
  await using root = await Agent.start()
  const mine = descriptorsOf('self').size
  const { program, screen } = await onTerminal(root, 'echo last; exec 0<&- 1>&- 2>&-; sleep 0.05; exit 5')
  await new Promise((resolve) => program.stdout?.once('end', resolve))
  const exit = await program.exited
  assert.deepEqual([exit.kind === 'exited' ? exit.code : exit.signal, screen()], [5, 'last\r\n'])
  await eventually(
    () => descriptorsOf('self').size === mine,
    () => `${mine} descriptors, there are ${descriptorsOf('self').size}`,
  )
})

test('X17: Ctrl-C on the terminal interrupts what runs in the foreground', async () => {
  await using root = await Agent.start()
  const { program, screen } = await onTerminal(root, 'echo ready; exec sleep 1000')
  await shows(screen, /ready/)
  program.stdin?.write('\x03')
  const exit = await program.exited
  assert.ok(exit.kind === 'signaled' && exit.signal === 'SIGINT', JSON.stringify(exit))
})

test('X17: lines are edited by the terminal, Ctrl-D ends the input', async () => {
  await using root = await Agent.start()
  const { program, screen } = await onTerminal(root, 'echo ready; cat')
  await shows(screen, /ready/)
  program.stdin?.write('wromg\x15right\n')
  await shows(screen, /\nright\r\n/)
  program.stdin?.write('\x04')
  const exit = await program.exited
  assert.ok(exit.kind === 'exited' && exit.code === 0)
  assert.ok(!/\nwromg\r\n/.test(screen()))
})

test('a program without a terminal cannot be resized; a size is a positive integer', async () => {
  await using root = await Agent.start()
  const cat = await (await root.fork()).exec('/bin/cat')
  assert.throws(() => cat.resize({ columns: 80, rows: 24 }), { name: 'StateError' })
  await cat[Symbol.asyncDispose]()
  const { program } = await onTerminal(root, 'cat')
  assert.throws(() => program.resize({ columns: 0, rows: 24 }), { name: 'InvalidInputError', field: 'columns' })
  await program[Symbol.asyncDispose]()
})

test('A13, X17: an exec() with a terminal that fails leaves neither the terminal nor its hang-up to the next program', async () => {
  await using root = await Agent.start()
  for (let round = 0; round < 10; round++) {
    const child = await root.fork()
    await assert.rejects(child.exec('/does/not/exist', ['x'], { stdio: 'pty' }), { errno: 'ENOENT' })
    const sh = await child.exec('/bin/sh', ['sh', '-c', '(: </dev/tty) 2>&1 || sleep 0.02; echo $?'])
    const output = await text(sh.stdout as NonNullable<typeof sh.stdout>)
    assert.match(output, /\/dev\/tty.*\n0\n$/)
  }
})
