import assert from 'node:assert/strict'
import { test } from 'node:test'
import { Sandbox } from '../../src/sandbox/index.ts'
import { carrel } from '../cli/carrel.ts'
import { eventually } from '../support/eventually.ts'
import { requires } from '../support/requires.ts'
import { groupsOf } from './leaks.ts'

interface Row {
  readonly id: string
  readonly status: string
  readonly pid: number
}

const rowOf = (id: string): Row | undefined =>
  (JSON.parse(carrel(['ps', '--json']).stdout) as { readonly sandboxes: readonly Row[] }).sandboxes.find(
    (row) => row.id === id,
  )

test(
  'L29: the planned API of 2014: create, run state, processes, statistics, pause, resume, signal, wait, destroy',
  requires({ root: true }),
  async () => {
    const box = await Sandbox.create({ memory: '64M', pids: 16 })
    try {
      assert.equal(rowOf(box.id)?.status, 'starting')
      const command = await box.spawn('sh', ['-c', 'cat; sleep 100'], {
        env: { A: 'b' },
        stdio: ['pipe', 'pipe', 'pipe'],
      })
      await eventually(
        async () => ((await box.stats()).pids?.current ?? 0) >= 3,
        () => 'its processes are not counted',
      )
      assert.equal(rowOf(box.id)?.status, 'running')
      await box.pause()
      assert.equal(rowOf(box.id)?.status, 'paused')
      await box.resume()
      assert.equal(rowOf(box.id)?.status, 'running')
      assert.ok(command.kill('SIGKILL'))
      assert.equal((await command.wait()).signal, 'SIGKILL')
    } finally {
      await box.close()
    }
    assert.equal(rowOf(box.id), undefined)
    assert.deepEqual(
      groupsOf(process.pid).filter((directory) => directory.includes(`carrel-${box.id}.`)),
      [],
    )
  },
)
