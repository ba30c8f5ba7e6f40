// Shows: a call by its bare number of words and a C struct laid out by hand, for what has no typed form: here sockaddr_un, whose
// typed form says the same.
import assert from 'node:assert/strict'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { createServer, type Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { AF, memory } from 'carrel/linux'
import { Agent } from 'carrel/process'

const folder = mkdtempSync(join(tmpdir(), 'carrel-unix-'))
const path = join(folder, 'socket')
const server = createServer().listen(path)
await once(server, 'listening')
try {
  await using agent = await Agent.start()
  const connected = async (connect: (fd: number) => Promise<unknown>): Promise<string> => {
    const fd = await agent.sys.socket('AF_UNIX', ['SOCK_STREAM', 'SOCK_CLOEXEC'], 0)
    const accepted = once(server, 'connection') as Promise<[Socket]>
    await connect(fd)
    const [peer] = await accepted
    await agent.sys.write(fd, 'from the agent')
    const [data] = (await once(peer, 'data')) as [Buffer]
    peer.end('from node')
    const answer = await agent.sys.read(fd, 64)
    await agent.sys.close(fd)
    return `${data.toString()} / ${Buffer.from(answer).toString()}`
  }

  // struct sockaddr_un, unix(7): the family as a 16-bit number of this machine, then the path, ended by a NUL.
  const address = memory([Uint8Array.of(AF.values.AF_UNIX, 0), path, 1])
  const byStruct = await connected((fd) => agent.sys.syscall('connect', fd, address, address.bytes.length))
  const byType = await connected((fd) => agent.sys.connect(fd, { path }))
  console.log(byStruct)
  assert.equal(byStruct, 'from the agent / from node')
  assert.equal(byType, byStruct)

  // The kernel writes into memory too, and what it wrote is there afterwards: here who is at the other end.
  const name = memory([110])
  const size = memory([Uint8Array.of(110, 0, 0, 0)])
  const fd = await agent.sys.socket('AF_UNIX', ['SOCK_STREAM', 'SOCK_CLOEXEC'], 0)
  await agent.sys.connect(fd, { path })
  await agent.sys.syscall('getpeername', fd, name, size)
  console.log(
    `getpeername wrote ${size.bytes[0]} bytes:`,
    Buffer.from(name.bytes).subarray(2, size.bytes[0]).toString(),
  )
  assert.equal(Buffer.from(name.bytes).toString('utf8', 2, 2 + path.length), path)
  assert.equal(size.bytes[0], 2 + path.length + 1)
} finally {
  server.close()
  rmSync(folder, { recursive: true })
}
