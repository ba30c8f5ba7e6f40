import assert from 'node:assert/strict'
import { readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { after, before, test } from 'node:test'
import { openFolder } from '../sandbox/build.ts'
import { CARREL } from './carrel.ts'
import { Tmux } from './tmux.ts'

// An interactive shell in a sandbox under a real terminal. The tests are one session, in this order.

const folder = openFolder('terminal')
let tmux: Tmux
before(async () => {
  const env = { CARREL: `${process.execPath} ${CARREL}`, TERM: 'screen' }
  tmux = Tmux.start('bash --norc --noprofile', env)
  await tmux.shows(/\$|#/)
  tmux.line("PS1='outside> '; clear")
  await tmux.shows(/^outside>$/m)
  tmux.line(`stty -a > ${folder}/before`)
  tmux.line("$CARREL run --env PS1='inside> ' -- bash --norc --noprofile")
  await tmux.shows(/inside>$/)
})
after(() => {
  tmux.stop()
  rmSync(folder, { recursive: true })
})

const count = (text: string, pattern: RegExp): number => [...text.matchAll(new RegExp(pattern, 'gm'))].length

test('carrel run under a terminal: the shell has a terminal of its own with job control', async () => {
  tmux.line('tty; [ -t 0 ] && [ -t 1 ] && [ -t 2 ] && echo three; echo $-')
  const screen = await tmux.shows(/^three$/)
  assert.match(screen, /^\/dev\/pts\/\d+$/m)
  assert.match(screen, /^[a-zA-Z]*m[a-zA-Z]*$/m)
  assert.doesNotMatch(screen, /no job control|cannot set terminal process group/)
})

test('carrel run under a terminal: keys are echoed once, lines can be edited', async () => {
  tmux.keys('e', 'c', 'h', 'o', 'Space', 'o', 'x', 'e', 'Left', 'BSpace', 'n', 'Home', 'End', 'd', 'Enter')
  const screen = await tmux.shows(/^oned$/m)
  assert.equal(count(screen, /^inside> echo oned$/), 1, screen)
  assert.equal(count(screen, /^oned$/), 1)
  tmux.keys('Up', 'Enter')
  await tmux.shows(/^oned\ninside> echo oned\noned$/m)
})

test('carrel run under a terminal: Ctrl-C ends what runs in front, and not the shell', async () => {
  tmux.line('sleep 1000')
  await tmux.shows(/^inside> sleep 1000$/m)
  await new Promise((resolve) => setTimeout(resolve, 200))
  tmux.keys('C-c')
  await tmux.shows(/^\^C$/m)
  tmux.line('echo code $?')
  await tmux.shows(/^code 130$/m)
})

test('carrel run under a terminal: Ctrl-Z stops, fg goes on', async () => {
  // It says that it runs: before that nobody would be stopped.
  tmux.line('cat <(echo begun) -')
  await tmux.shows(/^begun$/m)
  tmux.keys('C-z')
  await tmux.shows(/Stopped\s+cat/)
  tmux.line('fg')
  tmux.line('once more')
  await tmux.shows(/^once more\nonce more$/m)
  tmux.keys('C-d')
})

test('X17, D-L13: the size is the terminal’s, and follows it', async () => {
  tmux.line('stty size')
  await tmux.shows(/^30 100$/m)
  tmux.resize(72, 25)
  // Nobody says when the signal has come through: it is asked again until it has.
  await tmux.showsAfter('clear; stty size; tput cols', /^25 72\n72$/m)
})

test('carrel run under a terminal: a program that uses the whole screen', async () => {
  tmux.line('printf "one\\ntwo\\n" > f; less f')
  await tmux.shows(/^one\ntwo/m)
  tmux.keys('q')
  await tmux.shows(/inside>$/)
})

test('carrel run under a terminal: the exit code is the shell’s, and the terminal is as before', async () => {
  tmux.line('exit 7')
  await tmux.shows(/outside>$/)
  tmux.line(`echo "code $?"; stty -a > ${folder}/after; stty -F /dev/tty -a | head -1 | cut -d';' -f1`)
  await tmux.shows(/^code 7$/m)
  await tmux.shows(/^speed \d+ baud$/m)
  const settings = (name: string): string => readFileSync(join(folder, name), 'utf8').replace(/^.*;\n/, '')
  assert.equal(settings('after'), settings('before'))
})

test('carrel run under a terminal: it is as before also when the sandbox cannot be made, or carrel is told to end', async () => {
  tmux.line('clear; $CARREL run -- no-such-command; echo "code $?"')
  await tmux.shows(/^code 127$/m)
  tmux.line("$CARREL run --env PS1='again> ' -- bash --norc --noprofile")
  await tmux.shows(/again>$/)
  tmux.line('kill -9 $$')
  await tmux.shows(/outside>$/)
  tmux.line(`echo "code $?"; stty -a > ${folder}/last`)
  await tmux.shows(/^code 137$/m)
  const settings = (name: string): string => readFileSync(join(folder, name), 'utf8').replace(/^.*;\n/, '')
  assert.equal(settings('last'), settings('before'))
})

test('carrel run --no-tty under a terminal: pipes, and never the terminal itself', async () => {
  tmux.line('clear; $CARREL run --no-tty -- sh -c "tty; ls -l /proc/self/fd/0; read x; echo typed \\$x"')
  await tmux.shows(/^not a tty$/m)
  tmux.line('words')
  await tmux.shows(/^typed words$/m)
  await tmux.shows(/0 -> pipe:/m)
  await tmux.shows(/outside>$/)
})

test('carrel run --tty without a terminal: the command has one all the same', async () => {
  tmux.line('clear; $CARREL run --tty -- tty < /dev/null | cat')
  await tmux.shows(/^\/dev\/pts\/0$/m)
  tmux.line('clear; printf "typed" | $CARREL run --tty -- cat; echo "code $?"')
  await tmux.shows(/typed.*code 0$/)
})
