import { SPECIALS } from '../../src/protocol/wire.ts'
import { startAgent, type Connection } from './connection.ts'
import { concat } from './encode.ts'

/** Makes a tree that is hard to kill, prints the pid of its root, and waits: the lifetime test kills this process. */

const [RT_SIGPROCMASK, EXECVE, NANOSLEEP] = process.arch === 'x64' ? [14, 59, 35] : [135, 221, 101]
const CLONE_NEWPID = 0x20000000n

function shell(child: Connection, script: string): void {
  const words = ['/bin/sh', '-c', script].map((word) => concat(new TextEncoder().encode(word), new Uint8Array(1)))
  const offsets = words.map((_, i) => 40 + words.slice(0, i).reduce((sum, word) => sum + word.length, 0))
  void child.run({
    steps: [
      [SPECIALS.DESCRIPTORS, 0, 0],
      [RT_SIGPROCMASK, 2, ['DATA', 32], 0, 8],
      [EXECVE, ['DATA', 40], ['DATA', 0], ['DATA', 24]],
    ],
    relocations: offsets.map((offset, i) => ({ step: 2, at: 8 * i, kind: 1, width: 8, value: offset })),
    data: concat(new Uint8Array(40), ...words),
  })
}

const sleep = {
  steps: [[NANOSLEEP, ['DATA', 0], 0]] as const,
  data: Uint8Array.from({ length: 16 }, (_, i) => (i < 2 ? 0xff : 0)),
}

const { root, pid } = await startAgent()
const stopped = await root.clone()
shell(stopped.child, 'sleep 1000 & (setsid sleep 1000 &); kill -STOP $$')
const middle = await root.clone()
const deaf = await middle.child.clone()
shell(deaf.child, 'trap "" HUP INT TERM; (sleep 1000 & sleep 1000 & wait); sleep 1000')
const init = await root.clone(CLONE_NEWPID)
const inside = await init.child.clone()
shell(inside.child, '(setsid sleep 1000 &); sleep 1000')
const blocked = await root.clone()
void blocked.child.run(sleep)
void root.run(sleep)
await new Promise((resolve) => setTimeout(resolve, 300))
process.stdout.write(String(pid))
