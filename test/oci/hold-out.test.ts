import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { join } from 'node:path'
import { test } from 'node:test'

/** SIGHUP, SIGINT, SIGQUIT, SIGUSR1, SIGUSR2, SIGTERM as /proc/PID/status prints them */
const HELD = 0x4a07n
const SA_SIGINFO = 4n

test('holdOut() has every thread block what ends the command, one that is made meanwhile too', () => {
  const script = join(import.meta.dirname, 'held-threads.ts')
  const { stdout, stderr } = spawnSync(process.execPath, ['--import', 'tsx', script], { encoding: 'utf8' })
  const { flags, masks } = JSON.parse(stdout || `"${stderr}"`) as { flags: string; masks: readonly string[] }
  // Without it an arm64 handler gets no context to change.
  assert.equal(BigInt(flags) & SA_SIGINFO, SA_SIGINFO)
  assert.ok(masks.length > 2, masks.join(' '))
  for (const mask of masks) assert.equal(BigInt(`0x${mask}`) & HELD, HELD, masks.join(' '))
})
