// Shows: an interactive shell on a terminal of its own: line editing by the kernel, resize, Ctrl-C.
import assert from 'node:assert/strict'
import { Sandbox } from 'carrel'

await using box = await Sandbox.create()
await using shell = await box.spawn('sh', ['-i'], {
  stdio: 'pty',
  size: { columns: 100, rows: 30 },
  env: { PS1: 'ready> ' },
})

let screen = ''
shell.stdout?.on('data', (chunk: Uint8Array) => (screen += String(chunk)))

/** Waits until the screen shows a text that was not there when it was called last. */
let seen = 0
async function waitFor(text: string): Promise<void> {
  const end = Date.now() + 5000
  while (!screen.slice(seen).includes(text)) {
    assert(Date.now() < end, `the screen never showed ${text}:\n${screen}`)
    await new Promise((resolve) => setTimeout(resolve, 5))
  }
  seen = screen.indexOf(text, seen) + text.length
}

await waitFor('ready> ')
shell.stdin?.write('tty; stty size\n')
await waitFor('/dev/pts/')
await waitFor('30 100')
shell.resize({ columns: 80, rows: 24 })
shell.stdin?.write('stty size\n')
await waitFor('24 80')
shell.stdin?.write('sleep 60\n')
await waitFor('sleep 60')
await new Promise((resolve) => setTimeout(resolve, 100))
shell.stdin?.write('\x03') // Ctrl-C: the terminal sends SIGINT to what runs in it
await waitFor('ready> ')
shell.stdin?.write('exit 5\n')
const { exitCode, outcome } = await shell.wait()

console.log(screen.replaceAll('\r', ''))
assert.equal(exitCode, 5)
assert.equal(outcome, 'exited')
