// Runs in a Node process of its own: a client that opens many connections at once.
import { once } from 'node:events'
import { connect } from 'node:net'
import { serveJobs } from './serve-jobs.mjs'

let open = []

/** Opens connections at the same moment: for each, milliseconds until its first byte. They stay open. */
async function start({ port, count }) {
  const begin = performance.now()
  const sockets = Array.from({ length: count }, () => connect(port, '127.0.0.1').on('error', () => {}))
  open.push(...sockets)
  return Promise.all(sockets.map((socket) => firstByte(socket, begin)))
}

function firstByte(socket, begin) {
  return new Promise((resolve, reject) => {
    socket.once('close', () => reject(new Error('A connection was closed before anything came')))
    socket.once('data', (data) => {
      if (String(data).startsWith('ready')) resolve(performance.now() - begin)
      else reject(new Error(`Not what was asked for: ${String(data)}`))
    })
  })
}

async function stop() {
  const closed = open.map((socket) => (socket.destroyed ? undefined : once(socket, 'close')))
  for (const socket of open) socket.destroy()
  open = []
  await Promise.all(closed)
}

const JOBS = {
  start,
  stop: async () => {
    await stop()
    return true
  },
  /** One after the other */
  lone: async ({ port, count }) => {
    const times = []
    for (let i = 0; i < count; i++) {
      times.push(...(await start({ port, count: 1 })))
      await stop()
      // What the last one leaves behind is not measured with the next.
      await new Promise((resolve) => setTimeout(resolve, 30))
    }
    return times
  },
}

serveJobs(JOBS, stop)
