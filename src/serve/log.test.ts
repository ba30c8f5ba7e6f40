import assert from 'node:assert/strict'
import { test } from 'node:test'
import { SyscallError } from '../base/errors.ts'
import { failureOf } from './failure.ts'
import { Log, type LogFormat } from './log.ts'
import { sandboxFor, terminalEnv } from './sandbox-for.ts'

const AT = new Date(Date.UTC(2026, 0, 2, 3, 4, 5, 6))

function lineOf(format: LogFormat, fields: Record<string, string | number | null | undefined>): string {
  const lines: string[] = []
  new Log(format, (line) => lines.push(line)).write('end', fields, AT)
  assert.equal(lines.length, 1)
  return lines[0] ?? ''
}

test('Log writes one line for each event, as words or as JSON; what is undefined is left out', () => {
  const fields = { conn: 7, address: '::1', why: 'all places are taken', sandbox: undefined, code: 0 }
  assert.equal(
    lineOf('text', fields),
    '2026-01-02T03:04:05.006Z end     conn=7 address=::1 why="all places are taken" code=0',
  )
  const { sandbox, ...rest } = fields
  assert.equal(sandbox, undefined)
  assert.deepEqual(JSON.parse(lineOf('json', fields)), { time: '2026-01-02T03:04:05.006Z', event: 'end', ...rest })
})

test('Log lets no text begin a line or steer a terminal, and loses none of it', () => {
  const data = 'a\nb\r\u001b[2J\u009b\u202ex\u2028"\u007f\\'
  for (const format of ['text', 'json'] as const) {
    const line = lineOf(format, { data })
    // oxlint-disable-next-line no-control-regex -- control characters are what this is about
    assert.doesNotMatch(line, /[\u0000-\u001f\u007f-\u009f\u2028\u202e]/)
    const json = format === 'json' ? line : `{"data":${line.slice(line.indexOf('"'))}}`
    assert.equal((JSON.parse(json) as { data: string }).data, data)
  }
})

test('failureOf() tells the client no path, and the log everything', () => {
  const detail = { args: '"/srv/secret"', step: 3, steps: 9 }
  const mount = failureOf(new SyscallError({ call: 'mount', errno: 'ENOENT', ...detail }), 7)
  assert.equal(mount.code, 125)
  assert.match(mount.text, /ENOENT.*connection 7/)
  assert.doesNotMatch(mount.text, /secret/)
  assert.match(mount.detail, /secret/)
  const exec = (errno: string) => failureOf(new SyscallError({ call: 'execve', errno, ...detail }), 7)
  assert.deepEqual([exec('ENOENT').code, exec('EACCES').code], [127, 126])
  assert.doesNotMatch(exec('ENOENT').text, /secret/)
})

test('Q9: sandboxFor() draws a user and a host name for each connection; what was said for all wins, by key', () => {
  const [one, other] = [sandboxFor({}, 1), sandboxFor({}, 2)]
  assert.match(String(one.hostname), /^box-[0-9a-f]{12}$/)
  assert.notEqual(one.hostname, other.hostname)
  assert.ok(Number(one.user) >= 10_000 && Number(one.user) < 60_000)
  assert.equal(one.env?.['HOSTNAME'], one.hostname)
  assert.deepEqual([one.env?.['TERM'], one.env?.['CONTAINER'], one.name], ['linux', 'carrel', 'serve-1'])
  const hello = { tty: true, columns: 80, rows: 24, term: 'screen' }
  assert.deepEqual(terminalEnv({}, hello), { TERM: 'screen' })
  assert.deepEqual([terminalEnv({ env: { TERM: 'dumb' } }, hello), terminalEnv({}, { ...hello, tty: false })], [{}, {}])
  const said = {
    user: 7,
    hostname: 'h',
    pids: 9,
    env: { TERM: 'dumb' },
    name: 'ctf',
    rlimits: { RLIMIT_NPROC: 16 },
  } as const
  const given = sandboxFor(said, 4)
  assert.deepEqual([given.user, given.hostname, given.pids, given.name], [7, 'h', 9, 'ctf-4'])
  assert.deepEqual([given.env?.['TERM'], given.env?.['HOSTNAME'], given.rlimits], ['dumb', 'h', { RLIMIT_NPROC: 16 }])
})
