// Shows: a TCP server whose connections each get a busybox shell in a process tree of their own, made by hand. At a terminal, or
// with --port, it serves until it is told to end (`nc localhost 31337`); otherwise it talks with itself once.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { existsSync } from 'node:fs'
import { type AddressInfo, connect, createServer, type Socket } from 'node:net'
import { text } from 'node:stream/consumers'
import { finished } from 'node:stream/promises'
import { parseArgs } from 'node:util'
import { Agent } from 'carrel/process'

if (process.getuid?.() !== 0 || !existsSync('/bin/busybox')) {
  console.log('needs root, for namespaces without a user namespace, and a static /bin/busybox (package busybox-static)')
  process.exit(0)
}
const { values } = parseArgs({ options: { port: { type: 'string' } } })
const serves = process.stdin.isTTY || values.port !== undefined

async function serve(socket: Socket): Promise<void> {
  // An agent for each connection, closed with it, and everything below.
  await using agent = await Agent.start()
  const child = await agent.clone(['CLONE_NEWIPC', 'CLONE_NEWNET', 'CLONE_NEWNS', 'CLONE_NEWPID', 'CLONE_NEWUTS'])
  const shell = await child.exec('/bin/sh', ['sh', '-c', 'exec sh -i 2>&1'], {
    env: { HOME: '/', PATH: '/bin', TERM: 'linux' },
    prepare(p) {
      p.mount('none', '/', null, ['MS_REC', 'MS_PRIVATE'], null)
      p.mount('tmpfs', '/tmp', 'tmpfs', ['MS_NOSUID', 'MS_NODEV'], 'mode=755')
      for (const name of ['bin', 'proc']) p.mkdirat('AT_FDCWD', `/tmp/${name}`, 0o755)
      p.close(p.openat('AT_FDCWD', '/tmp/bin/sh', ['O_CREAT', 'O_CLOEXEC'], 0o755))
      p.mount('/bin/busybox', '/tmp/bin/sh', null, ['MS_BIND'], null)
      for (const name of ['cat', 'id', 'ls', 'ps', 'sleep']) p.symlinkat('sh', 'AT_FDCWD', `/tmp/bin/${name}`)
      p.mount_setattr('AT_FDCWD', '/tmp', ['AT_RECURSIVE'], { attr_set: ['MOUNT_ATTR_RDONLY', 'MOUNT_ATTR_NOSUID'] })
      p.mount('proc', '/tmp/proc', 'proc', ['MS_NOEXEC', 'MS_NOSUID', 'MS_NODEV'], null)
      p.chdir('/tmp')
      p.pivot_root('.', '.')
      p.umount2('.', ['MNT_DETACH'])
      p.setgroups([])
      p.setresgid(65534, 65534, 65534)
      p.setresuid(65534, 65534, 65534)
    },
  })
  socket.pipe(shell.stdin)
  shell.stdout.pipe(socket)
  // The other side may have closed its half only (`echo id | nc …`): the shell has a second to say the rest.
  socket.once('end', () => setTimeout(() => socket.destroy(), 1000).unref())
  await finished(socket, { readable: false })
}

const server = createServer({ allowHalfOpen: true }, (socket) => {
  serve(socket.on('error', () => {})).catch((error: unknown) => socket.end(`${String(error)}\n`))
}).listen(Number(values.port ?? (serves ? 31337 : 0)), 'localhost')
await once(server, 'listening')
const { port } = server.address() as AddressInfo
console.log(`listening on localhost:${port}`)
if (!serves) {
  const answer = await text(connect(port).end('echo "$$ $HOME"; id -u; ps; exit\n'))
  console.log(answer)
  assert.match(answer, /1 \/\n65534\n[^]*1 65534 +sh -i\n/)
  server.close()
}
