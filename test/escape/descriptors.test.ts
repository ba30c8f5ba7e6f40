import assert from 'node:assert/strict'
import { closeSync, openSync, readlinkSync, symlinkSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { container, created, run, script, useOci } from '../support/oci.ts'
import { descriptorsOf } from '../support/proc.ts'
import { execStaying } from './outside.ts'

useOci()

const NUMBERS = Array.from({ length: 18 }, (_, at) => at + 3)

// CVE-2024-21626: a folder of the host that is open in the runtime as the working directory of the program.
test('no descriptor of the runtime is a working directory, for run', () => {
  for (const n of NUMBERS) {
    const outcome = run({ process: { cwd: `/proc/self/fd/${n}`, ...script('pwd; ls') } })
    assert.notEqual(outcome.status, 0, `${n}: ${outcome.stdout}`)
  }
})

test('nor for exec', () => {
  const one = container()
  for (const n of NUMBERS) {
    const outcome = one.exec(['/bin/ls'], ['--cwd', `/proc/self/fd/${n}`])
    assert.notEqual(outcome.status, 0, `${n}: ${outcome.stdout}`)
  }
})

test('nor by a link of the image', () => {
  for (const n of NUMBERS.slice(0, 8)) {
    const prepare = (root: string): void => symlinkSync(`/proc/self/fd/${n}`, join(root, 'work'))
    const outcome = run({ process: { cwd: '/work', ...script('pwd; ls') } }, { prepare })
    assert.notEqual(outcome.status, 0, `${n}: ${outcome.stdout}`)
  }
})

test('what the caller has open does not reach the container', () => {
  const folders = ['/', '/etc', '/proc'].map((path) => openSync(path, 'r'))
  try {
    const one = created({}, { descriptors: folders })
    one.start()
    assert.deepEqual([...descriptorsOf(one.pid).keys()], [0, 1, 2])
    const listed = one.exec(['/bin/sh', '-c', 'ls /proc/$$/fd; :'], [], { descriptors: folders })
    assert.deepEqual(
      listed.stdout
        .trim()
        .split('\n')
        .filter((each) => Number(each) < 10),
      ['0', '1', '2'],
    )
    assert.deepEqual([...descriptorsOf(execStaying(one)).keys()], [0, 1, 2])
  } finally {
    for (const folder of folders) closeSync(folder)
  }
})

test('--preserve-fds gives those, and no other', () => {
  const folders = ['/etc', '/proc', '/usr'].map((path) => openSync(path, 'r'))
  try {
    const one = created({}, { descriptors: folders, words: ['--preserve-fds', '2'] })
    one.start()
    const open = descriptorsOf(one.pid)
    assert.deepEqual([...open.keys()], [0, 1, 2, 3, 4])
    assert.deepEqual([open.get(3), open.get(4)], ['/etc', '/proc'])
  } finally {
    for (const folder of folders) closeSync(folder)
  }
})

test('a created container holds no folder of the host', () => {
  const one = created()
  for (const [number, target] of descriptorsOf(one.pid)) {
    assert.doesNotMatch(target, /^\/(?!dev\/null|tmp\/)/, `${number} is ${target}`)
  }
  assert.equal(readlinkSync(`/proc/${one.pid}/root`), '/')
})
