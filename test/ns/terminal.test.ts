import assert from 'node:assert/strict'
import { rmSync } from 'node:fs'
import { after, before, test } from 'node:test'
import { CARREL } from '../cli/carrel.ts'
import { Tmux } from '../cli/tmux.ts'
import { openFolder } from '../sandbox/build.ts'
import { requires } from '../support/requires.ts'
import { makeRoot, written } from './ns.ts'

// An interactive shell as PID 1 under a real terminal. The tests are one session, in this order.

const needs = requires({ root: true, program: '/usr/bin/tmux' })
let folder = ''
let tmux: Tmux
before(async () => {
  if (needs.skip !== false) return
  folder = openFolder('ns-terminal')
  const root = makeRoot(folder)
  tmux = Tmux.start('bash --norc --noprofile', { CARREL: `${process.execPath} ${CARREL}`, TERM: 'screen' })
  await tmux.shows(/\$|#/)
  tmux.line(`PS1='outside> '; stty -a >${folder}/before; clear`)
  await tmux.shows(/^outside>$/m)
  tmux.line(`$CARREL ns --env PS1='inside> ' - ${root} /bin/sh`)
  await tmux.shows(/inside>$/)
})
after(() => {
  tmux?.stop()
  if (folder) rmSync(folder, { recursive: true })
})

test('N01, N18: the shell is PID 1, and has a terminal of its own with the size of the caller’s', needs, async () => {
  tmux.line('tty; echo pid $$; stty size; echo hi >/dev/tty')
  const screen = await tmux.shows(/^hi$/)
  assert.match(screen, /^\/dev\/pts\/0\npid 1\n30 100\nhi$/m)
  assert.doesNotMatch(screen, /job control/)
})

test('D-N08: Ctrl-Z stops what runs in front, Ctrl-C ends it, a new size arrives', needs, async () => {
  // It says that it runs: before that nobody would be stopped.
  tmux.line("sh -c 'echo begun; exec sleep 1000'")
  await tmux.shows(/^begun$/m)
  tmux.keys('C-z')
  await tmux.shows(/Stopped +sh -c/)
  tmux.line('fg')
  await new Promise((resolve) => setTimeout(resolve, 300))
  tmux.keys('C-c')
  tmux.line('echo code $?')
  await tmux.shows(/^code 130$/m)
  tmux.resize(90, 25)
  await tmux.showsAfter('stty size', /^25 90$/m)
})

test('D-N08: its exit code is carrel’s, and the terminal is as before', needs, async () => {
  tmux.line('exit 6')
  await tmux.shows(/^outside>$/m)
  tmux.line('echo code $?')
  await tmux.shows(/^code 6$/m)
  tmux.resize(100, 30)
  await tmux.showsAfter('echo now $(stty size)', /^now 30 100$/m)
  tmux.line(`stty -a >${folder}/after; echo done`)
  await tmux.shows(/^done$/m)
  assert.equal(written(folder, 'after'), written(folder, 'before'))
})
