// What a shell loop around a listening socket does, with as little of its own as there can be: one `crun run` for each connection, which is its
// standard input and output. Says its port.
import { spawn } from 'node:child_process'
import { createServer } from 'node:net'

const [bundle, states] = process.argv.slice(2)
let count = 0
const server = createServer({ pauseOnConnect: true, noDelay: true }, (socket) => {
  const id = `carrel-bench-${process.pid}-${++count}`
  const child = spawn('crun', ['--root', states, 'run', '--bundle', bundle, id], { stdio: [socket, socket, 'inherit'] })
  child.once('exit', () => socket.destroy())
})
server.listen({ port: 0, host: '127.0.0.1', backlog: 512 }, () =>
  console.log(`listening on 127.0.0.1:${server.address().port}`),
)
process.once('SIGTERM', () => process.exit())
