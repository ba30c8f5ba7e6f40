import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, readlinkSync, statSync } from 'node:fs'
import { test } from 'node:test'
import { agentPath, startAgent, stopAgent } from './connection.ts'

const readelf = (...flags: string[]): string =>
  execFileSync('readelf', [...flags, '-W', agentPath], { encoding: 'utf8' })

test('agent binary: at most 100 KB, static, no relocation, no undefined symbol, no executable stack', () => {
  assert.ok(statSync(agentPath).size <= 100_000)
  assert.match(readelf('-r'), /There are no relocations/)
  assert.doesNotMatch(readelf('-d'), /NEEDED|TEXTREL/)
  assert.doesNotMatch(readelf('-l'), /INTERP|RWE/)
  assert.match(readelf('-l'), /GNU_STACK.* RW /)
  const undefinedSymbols = readelf('--dyn-syms')
    .split('\n')
    .filter((line) => / UND /.test(line) && !/^\s*0:/.test(line))
  assert.deepEqual(undefinedSymbols, [])
})

test('agent: at most 300 KB of private memory, a sealed memfd, no descriptor but its own, a name', async () => {
  const agent = await startAgent()
  const proc = (name: string): string => readFileSync(`/proc/${agent.pid}/${name}`, 'utf8')
  const kilobytes = [...proc('smaps_rollup').matchAll(/^Private_\w+:\s+(\d+) kB$/gm)].map(([, count]) => Number(count))
  assert.ok(kilobytes.length > 0)
  assert.ok(kilobytes.reduce((sum, count) => sum + count, 0) <= 300)
  assert.match(readlinkSync(`/proc/${agent.pid}/exe`), /memfd:carrel-agent/)
  assert.equal(proc('comm'), 'carrel\n')
  // No variable: room for a title behind argv[0]
  assert.equal(proc('environ'), `${' '.repeat(255)}\0`)
  // 0-2 /dev/null, 3 the socket, 4 the signalfd
  const fds = readdirSync(`/proc/${agent.pid}/fd`)
  assert.deepEqual(fds.sort(), ['0', '1', '2', '3', '4'])
  for (const fd of fds) {
    const flags = /^flags:\s+(\d+)$/m.exec(proc(`fdinfo/${fd}`))?.[1] ?? '0'
    assert.equal(Number.parseInt(flags, 8) & 0o2000000, 0o2000000, `descriptor ${fd} is close-on-exec`)
  }
  assert.equal(await stopAgent(agent), 0)
})
