import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { Tmux } from '../cli/tmux.ts'
import { type Bundle, bundle, oci, RUNTIME, stateRoot, undoAfterTest, useOci } from '../support/oci.ts'
import { requires } from '../support/requires.ts'

// `carrel-oci run` with a terminal, under a person’s.

useOci()
const NEEDS = requires({ root: true, program: '/usr/bin/tmux' })

interface Session {
  readonly tmux: Tmux
  readonly made: Bundle
  readonly id: string
  /** A line that runs the container */
  readonly run: string
}

/** A shell under a terminal of 90 by 27, with a container whose program is a shell with job control. */
async function session(): Promise<Session> {
  const made = bundle({
    process: { terminal: true, args: ['sh', '-i'], env: ['PATH=/bin', 'PS1=inside> ', 'TERM=screen'] },
  })
  const id = basename(made.cgroup)
  const tmux = Tmux.start('bash --norc --noprofile', { TERM: 'screen' }, { columns: 90, rows: 27 })
  undoAfterTest(() => {
    tmux.stop()
    oci(['delete', '--force', id])
  })
  await tmux.shows(/\$|#/)
  tmux.line(`PS1='outside> '; OCI='${RUNTIME.command.join(' ')} --root ${stateRoot()}'; clear`)
  await tmux.shows(/^outside>$/)
  tmux.line(`stty -a > ${made.path}/before`)
  return { tmux, made, id, run: `$OCI run --bundle ${made.path} ${id}` }
}

async function restored({ tmux, made }: Session, code: number): Promise<void> {
  await tmux.shows(/outside>$/)
  tmux.line(`echo "code $?"; stty -a > ${made.path}/after; echo written`)
  await tmux.shows(new RegExp(`^code ${code}$`))
  await tmux.shows(/^written$/)
  const settings = (name: string): string => readFileSync(join(made.path, name), 'utf8').replace(/^.*;\n/, '')
  assert.equal(settings('after'), settings('before'))
}

const count = (text: string, pattern: RegExp): number => [...text.matchAll(pattern)].length

test(
  'X17, D-L13: run with a terminal has the size of the caller’s, follows it, and echoes keys once',
  NEEDS,
  async () => {
    const one = await session()
    const { tmux } = one
    tmux.line(one.run)
    await tmux.shows(/inside>$/)
    tmux.line('tty; stty size')
    await tmux.shows(/^\/dev\/pts\/0\n27 90$/)
    tmux.keys('e', 'c', 'h', 'o', 'Space', 'o', 'n', 'e', 'x', 'BSpace', 'Enter')
    const screen = await tmux.shows(/^one$/)
    assert.equal(count(screen, /^inside> echo one$/gm), 1, screen)
    assert.equal(count(screen, /^one$/gm), 1, screen)
    tmux.resize(70, 21)
    await tmux.showsAfter('clear; stty size', /^21 70$/)
    tmux.line('exit 7')
    await restored(one, 7)
  },
)

test('X17: ctrl-C ends what runs in front, inside, and neither the shell nor the runtime', NEEDS, async () => {
  const one = await session()
  const { tmux } = one
  tmux.line(one.run)
  await tmux.shows(/inside>$/)
  tmux.line('sleep 1000')
  await tmux.shows(/^inside> sleep 1000$/)
  await sleep(200)
  tmux.keys('C-c')
  await tmux.shows(/^\^C$/)
  tmux.line('echo left $?')
  await tmux.shows(/^left 130$/)
  // It says that it runs: before that nobody would be stopped.
  tmux.line("sh -c 'echo begun; exec cat'")
  await tmux.shows(/^begun$/)
  tmux.keys('C-z')
  await tmux.shows(/Stopped\s+sh -c/)
  tmux.line('fg')
  await sleep(200)
  tmux.keys('C-c')
  tmux.line('clear; exit 3')
  await restored(one, 3)
})

test('the terminal is as before also when the container is killed, or cannot be made', NEEDS, async () => {
  const one = await session()
  const { tmux } = one
  tmux.line(one.run)
  await tmux.shows(/inside>$/)
  assert.equal(oci(['kill', one.id, 'KILL']).status, 0)
  await restored(one, 137)
  tmux.line(`clear; $OCI run --bundle ${one.made.path}/nothing ${one.id}`)
  await tmux.shows(/has no config.json/)
  await restored(one, 1)
})

test('exec --tty in the foreground is a terminal too, with its size and the status of its program', NEEDS, async () => {
  const one = await session()
  const { tmux } = one
  tmux.line(one.run)
  await tmux.shows(/inside>$/)
  const other = `${RUNTIME.command.join(' ')} --root ${stateRoot()} exec --tty ${one.id} sh -c 'stty size; read x; exit 4'`
  tmux.line('exit')
  await tmux.shows(/outside>$/)
  tmux.line(`clear; $OCI run --detach --bundle ${one.made.path} ${one.id}; echo "no socket $?"`)
  await tmux.shows(/^no socket 1$/)
  tmux.line(
    `sed -i s/.terminal.:true/'"terminal":false'/ ${one.made.path}/config.json; sed -i 's/"sh","-i"/"sleep","1000"/' ${one.made.path}/config.json`,
  )
  tmux.line(`clear; $OCI run --detach --bundle ${one.made.path} ${one.id}; echo "detached $?"`)
  await tmux.shows(/^detached 0$/)
  tmux.line(`clear; ${other}`)
  await tmux.shows(/^27 90$/)
  tmux.keys('Enter')
  await restored(one, 4)
})

test('the end of the standard input reaches a program that begins to edit lines only later', () => {
  const edits = `sleep 0.4; stty -icanon min 1; echo editing
    while :; do test "$(dd bs=1 count=1 2>/dev/null | tr '\\004' E)" = E && exit 7; done`
  const made = bundle({ process: { terminal: true, args: ['sh', '-c', edits], env: ['PATH=/bin'] } })
  const { status, stdout } = oci(['run', '--bundle', made.path, basename(made.cgroup)], {
    stdin: '',
    timeoutMs: 20_000,
  })
  undoAfterTest(() => oci(['delete', '--force', basename(made.cgroup)]))
  assert.match(stdout, /editing/)
  assert.equal(status, 7)
})
