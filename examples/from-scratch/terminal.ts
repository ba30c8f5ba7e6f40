// A terminal of the command's own, so that Ctrl-C and job control work in it, and nothing that it pushes back into its input is typed
// into the caller's shell (CVE-2017-5226).
import { closeSync } from 'node:fs'
import { ReadStream } from 'node:tty'
import { flagsValue, machineArch, OPEN } from 'carrel/linux'
import { Agent, type Exit, type Stdio } from 'carrel/process'
import { type Program, program } from 'carrel/program'

const FLAGS = ['O_RDWR', 'O_NOCTTY', 'O_CLOEXEC'] as const

/** Struct winsize of ioctl_tty(2): rows and columns of this process's terminal */
const size = (): Uint8Array =>
  new Uint8Array(Uint16Array.of(process.stdout.rows || 24, process.stdout.columns || 80, 0, 0).buffer)

/** Starts a command with a new terminal, which it has to make its own by `prepare`, and connects that with this one. */
export async function onTerminal(start: (stdio: Stdio, prepare: (p: Program) => void) => Promise<Exit>): Promise<Exit> {
  // The host's devpts: the container need not have one.
  await using host = await Agent.start()
  const p = program()
  const opened = p.openat('AT_FDCWD', '/dev/ptmx', FLAGS)
  p.ioctl(opened, 'TIOCSPTLCK', new Uint8Array(4))
  p.ioctl(opened, 'TIOCSWINSZ', size())
  // What is sent is closed there; this one stays, for the size.
  p.send(p.dup(opened))
  p.send(p.ioctlOpen(opened, 'TIOCGPTPEER', flagsValue(OPEN, FLAGS, machineArch(), 'flags')))
  const result = await host.run(p)
  const [master, slave] = result.descriptors as [number, number]
  const screen = new ReadStream(master)
  // EIO: the last process that had the other end has closed it.
  const ended = new Promise<void>((resolve) => screen.once('error', () => resolve()).once('close', resolve))
  const resize = (): void => void host.sys.ioctl(result.get(opened), 'TIOCSWINSZ', size())
  process.on('SIGWINCH', resize)
  process.stdin.setRawMode(true).pipe(screen)
  screen.pipe(process.stdout, { end: false })
  try {
    const end = start([slave, slave, slave], (last) => {
      last.tolerate('EPERM').setsid()
      last.ioctl(0, 'TIOCSCTTY', 0)
    })
    const exit = await end.finally(() => closeSync(slave))
    await ended
    return exit
  } finally {
    process.off('SIGWINCH', resize)
    process.stdin.unpipe().setRawMode(false).destroy()
    screen.destroy()
  }
}
