import { test } from 'node:test'
import { setTimeout as sleep } from 'node:timers/promises'
import { CARREL } from '../cli/carrel.ts'
import { Tmux } from '../cli/tmux.ts'
import { undoAfterTest, useOci } from '../support/oci.ts'
import { requires } from '../support/requires.ts'
import { NsinitDirectory } from './nsinit-directory.ts'

// `"tty": true`, under a person’s terminal.

useOci()
const NEEDS = requires({ root: true, program: '/usr/bin/tmux' })

/** A shell of the host in the directory, with `nsinit` as a name of ours. */
async function session(one: NsinitDirectory): Promise<Tmux> {
  const tmux = Tmux.start('bash --norc --noprofile', { TERM: 'screen' }, { columns: 90, rows: 27 })
  undoAfterTest(() => tmux.stop())
  await tmux.shows(/\$|#/)
  tmux.line(`PS1='outside> '; cd ${one.path}; nsinit() { ${process.execPath} ${CARREL} nsinit "$@"; }; clear`)
  await tmux.shows(/^outside>$/)
  return tmux
}

const LOOK = 'tty; stty size; stat -c "%t %a %u" /dev/console; ls /dev/pts; cut -d" " -f7 /proc/self/stat'

test(
  'L17, L34, L45, L62, D-L13: the terminal is of the container’s own devpts, as its console, and has the caller’s size',
  NEEDS,
  async () => {
    const one = new NsinitDirectory({ tty: true, environment: ['PATH=/bin', 'PS1=inside> '] })
    const tmux = await session(one)
    tmux.line('nsinit exec sh -i')
    await tmux.shows(/^inside>$/)
    tmux.line(`clear; ${LOOK}`)
    // The number of a terminal is as the host counts them too; its controlling terminal is this one (proc_pid_stat(5) field 7).
    await tmux.shows(/^\/dev\/pts\/0\n27 90\n88 620 0\n0 +ptmx\n34816$/)
    tmux.resize(70, 21)
    await tmux.showsAfter('clear; stty size', /^21 70$/)
    tmux.line('sleep 1000')
    await sleep(200)
    tmux.keys('C-c')
    tmux.line('echo left $?')
    await tmux.shows(/^left 130$/)
    tmux.line('exit 7')
    await tmux.shows(/outside>$/)
    tmux.line('echo code $?; stty -a | grep -o " echo "')
    await tmux.shows(/^code 7\n echo$/)
  },
)

test('L63, D-L05: who joins has a terminal of its own too', NEEDS, async () => {
  const one = new NsinitDirectory({ tty: true, environment: ['PATH=/bin', 'PS1=inside> '] })
  const live = await one.live()
  const tmux = await session(one)
  tmux.line('nsinit exec sh -i')
  await tmux.shows(/^inside>$/)
  tmux.line('clear; tty; stty size; echo process $(( $$ > 1 ))')
  await tmux.shows(/^\/dev\/pts\/1\n27 90\nprocess 1\n/)
  tmux.line('exit 8')
  await tmux.shows(/outside>$/)
  tmux.line('echo code $?')
  await tmux.shows(/^code 8$/)
  live.child.kill('SIGKILL')
})
