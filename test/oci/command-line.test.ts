import assert from 'node:assert/strict'
import { existsSync, readFileSync, rmSync, statSync } from 'node:fs'
import { test } from 'node:test'
import { oci, ociOk, scratch, undoAfterTest, useOci } from '../support/oci.ts'

useOci()

const NOWHERE = { global: [] } as const

test('--version prints what docker and podman read', () => {
  for (const word of ['--version', '-v']) {
    const { stdout } = ociOk([word], NOWHERE)
    const lines = stdout.trimEnd().split('\n')
    assert.match(lines[0]!, /^carrel-oci version \d+\.\d+\.\d+$/)
    assert.match(lines[1]!, /^commit: \S+$/)
    assert.equal(lines[2], 'spec: 1.3.0')
    // dockerd takes every line that holds the word for the first one.
    assert.equal(lines.filter((line) => line.includes('version')).length, 1)
  }
})

test('--help prints the commands, and what one of them takes', () => {
  const { stdout } = ociOk(['--help'], NOWHERE)
  for (const name of ['create', 'start', 'state', 'kill', 'delete', 'features', 'checkpoint']) {
    assert.match(stdout, new RegExp(`^  ${name} +\\S`, 'm'))
  }
  assert.doesNotMatch(stdout, /log-level/, 'hidden')
  const help = ociOk(['kill', '--help'], NOWHERE).stdout
  assert.match(help, /^Usage: carrel-oci kill \[OPTION…\] ID \[SIGNAL\]$/m)
  assert.match(help, /^ {2}-a, --all +Send/m)
  assert.equal(ociOk(['help', 'kill'], NOWHERE).stdout, help)
  assert.ok(help.split('\n').every((line) => line.length <= 100))
})

/** Global words with a log of the test's own. */
function logged(...words: readonly string[]): { readonly global: readonly string[]; readonly file: string } {
  const file = scratch('log')
  undoAfterTest(() => rmSync(file, { force: true }))
  return { global: ['--root', '/nowhere', '--log', file, ...words], file }
}

test('an error is one line of JSON in the log, which podman and containerd read, and is on stderr', () => {
  const { global, file } = logged('--log-format', 'json')
  const { status, stderr } = oci(['state', 'nobody'], { global })
  assert.equal(status, 1)
  assert.equal(stderr, 'Container "nobody" does not exist\n')
  const { time, ...line } = JSON.parse(readFileSync(file, 'utf8')) as Record<string, string>
  assert.deepEqual(line, { level: 'error', msg: 'Container "nobody" does not exist' })
  assert.equal(new Date(time!).toISOString(), time)
  assert.equal(statSync(file).mode & 0o777, 0o644)
  oci(['state', 'nobody'], { global })
  assert.equal(readFileSync(file, 'utf8').trimEnd().split('\n').length, 2, 'the log is appended to')
})

test('an error is a line of text in the log, or on stderr', () => {
  const { global, file } = logged()
  oci(['state', 'nobody'], { global })
  const form = /^time="\d{4}-[\d-]+T[\d:.]+Z" level=error msg="Container \\"nobody\\" does not exist"\n$/
  assert.match(readFileSync(file, 'utf8'), form)
  assert.match(oci(['state', 'nobody'], { global: ['--root', '/nowhere'] }).stderr, form)
  const json = oci(['state', 'nobody'], { global: ['--root', '/nowhere', '--log-format=json'] }).stderr
  assert.equal((JSON.parse(json) as { level: string }).level, 'error')
})

test('a command that succeeds makes no log; --debug says what was done', () => {
  const quiet = logged('--log-format=json')
  ociOk(['list'], quiet)
  assert.equal(existsSync(quiet.file), false)
  const loud = logged('--log-format=json', '--debug')
  ociOk(['list'], loud)
  const lines = readFileSync(loud.file, 'utf8').trimEnd().split('\n')
  const entries = lines.map((line) => JSON.parse(line) as Record<string, string>)
  assert.ok(entries.every(({ level }) => level === 'debug'))
  assert.match(entries.at(-1)!['msg']!, /^list: exit code 0 after [\d.]+ ms$/)
})

test('a wrong command line is logged where the words before it say', () => {
  const { global, file } = logged('--log-format', 'json')
  assert.equal(oci(['--nothing', 'list'], { global }).status, 1)
  assert.match((JSON.parse(readFileSync(file, 'utf8')) as { msg: string }).msg, /no option --nothing here/)
  assert.match(oci(['lisst'], { global }).stderr, /did you mean list\?/)
  assert.match(oci(['list', '--formt', 'json'], { global }).stderr, /did you mean --format\?/)
  assert.match(oci([], NOWHERE).stderr, /No command is given/)
})

test('a log that cannot be written leaves the message on stderr', () => {
  const { status, stderr } = oci(['state', 'nobody'], { global: ['--root', '/nowhere', '--log', '/nowhere/log'] })
  assert.equal(status, 1)
  assert.match(stderr, /"nobody\\?" does not exist/)
  assert.match(stderr, /cannot write to the log \/nowhere\/log/)
})

test('exec that starts nothing ends with 255, like runc', () => {
  assert.equal(oci(['exec', 'nobody', 'true'], { global: ['--root', '/nowhere'] }).status, 255)
  assert.equal(oci(['exec', '--nothing'], NOWHERE).status, 255)
})
