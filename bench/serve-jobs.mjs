import { execFileSync, spawn } from 'node:child_process'
import { once } from 'node:events'
import { closeSync, constants, mkdtempSync, openSync, rmSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

/** Does the jobs that MeasuredProcess asks for, one after the other; `close` when nobody asks any more. */
export function serveJobs(jobs, close) {
  process.on('message', async ({ job, argument }) => {
    try {
      process.send({ value: await jobs[job](argument) })
    } catch (error) {
      process.send({ error: String(error?.message ?? error) })
    }
  })
  process.on('disconnect', async () => {
    await close()
    process.exit()
  })
  process.send({ value: 'ready' })
}

/** Does something `count` times: how long each took, in milliseconds. */
export async function timed(count, work) {
  const times = []
  for (let i = 0; i < count; i++) {
    const begin = performance.now()
    await work()
    times.push(performance.now() - begin)
  }
  return times
}

/** As `timed`, in microseconds. */
export const timedUs = async (count, work) => (await timed(count, work)).map((ms) => ms * 1000)

const MIB = 2 ** 20

/**
 * Has dd write `size` bytes of zeros in blocks of `block` (`64K`), and reads them: the time per GiB, in milliseconds.
 * @param start runs a program and gives the number of bytes of its stdout
 */
export async function drain(start, size, block = '1M') {
  const begin = performance.now()
  const bytes = await start('dd', [
    'if=/dev/zero',
    `bs=${block}`,
    `count=${size / MIB}M`,
    'iflag=count_bytes',
    'status=none',
  ])
  if (bytes !== size) throw new Error(`${bytes} bytes came instead of ${size}`)
  return [((performance.now() - begin) / size) * 2 ** 30]
}

/** Node's own spawn, read to its end as `box.run` does: the number of bytes of its stdout, for which Node makes a socket pair. */
export function bareSpawn(path, args) {
  return new Promise((resolve, reject) => {
    const child = spawn(path, args, { stdio: ['ignore', 'pipe', 'pipe'] })
    let bytes = 0
    child.stdout.on('data', (chunk) => (bytes += chunk.length))
    child.stderr.resume()
    child.on('error', reject)
    child.on('close', () => resolve(bytes))
  })
}

/** The same with a pipe of the kernel, a named one, which Node's own reader of pipes reads. */
export async function bareFifo(path, args) {
  const folder = mkdtempSync(join(tmpdir(), 'carrel-bench-'))
  const fifo = join(folder, 'fifo')
  execFileSync('mkfifo', [fifo])
  const reader = new Socket({ fd: openSync(fifo, constants.O_RDONLY | constants.O_NONBLOCK), writable: false })
  const writer = openSync(fifo, 'w')
  const child = spawn(path, args, { stdio: ['ignore', writer, 'ignore'] })
  closeSync(writer)
  rmSync(folder, { recursive: true })
  let bytes = 0
  reader.on('data', (chunk) => (bytes += chunk.length))
  await Promise.all([once(child, 'exit'), once(reader, 'close')])
  return bytes
}
