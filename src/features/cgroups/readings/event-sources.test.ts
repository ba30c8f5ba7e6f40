import assert from 'node:assert/strict'
import { test } from 'node:test'
import { eventSources, readEvents } from './event-sources.ts'

test('X33: eventSources() watches the files of v2, and memory of v1 by its eventfd', () => {
  const v2 = { directory: '/g', version: 2, controllers: ['memory', 'pids', 'cpu'] } as const
  assert.deepEqual(eventSources([v2]), {
    files: ['/g/cgroup.events', '/g/memory.events', '/g/pids.events'],
    oom: null,
  })
  const hybrid = [
    { directory: '/m', version: 1, controllers: ['memory'] },
    { directory: '/p', version: 1, controllers: ['pids'] },
    { directory: '/u', version: 2, controllers: [] },
  ] as const
  assert.deepEqual(eventSources(hybrid), {
    files: ['/p/pids.events', '/u/cgroup.events'],
    oom: { control: '/m/memory.oom_control', eventControl: '/m/cgroup.event_control' },
  })
  assert.deepEqual(eventSources([]), { files: [], oom: null })
})

/** Texts of a Linux 6.1 with cgroup v2 alone. */
const memory = (max: number, oom: number, kill: number): string =>
  `low 0\nhigh 0\nmax ${max}\noom ${oom}\noom_kill ${kill}\noom_group_kill 0\n`

test('X33: readEvents() tells what rose since the last look, and how far', () => {
  const first = readEvents(null, new Map([['/g/memory.events', memory(1, 1, 1)]]))
  assert.deepEqual(first.events, [], 'what was counted before anybody looked is no news')
  const second = readEvents(first.counters, new Map([['/g/memory.events', memory(125, 3, 2)]]))
  assert.deepEqual(second.events, [
    { kind: 'memory-max', count: 125 },
    { kind: 'oom', count: 3 },
    { kind: 'oom-kill', count: 2 },
  ])
  const again = readEvents(second.counters, new Map([['/g/memory.events', memory(125, 3, 2)]]))
  assert.deepEqual(again.events, [])
})

test('X33: readEvents() tells states as they turn, keeps what it was not shown, and ends with gone', () => {
  const start = readEvents(
    null,
    new Map([
      ['/g/cgroup.events', 'populated 0\nfrozen 0\n'],
      ['/g/pids.events', 'max 0\n'],
    ]),
  )
  const lived = readEvents(start.counters, new Map([['/g/cgroup.events', 'populated 1\nfrozen 0\n']]))
  assert.deepEqual(lived.events, [{ kind: 'populated' }])
  const stood = readEvents(
    lived.counters,
    new Map([
      ['/g/cgroup.events', 'populated 1\nfrozen 1\n'],
      ['/g/pids.events', 'max 4\n'],
    ]),
  )
  assert.deepEqual(stood.events, [{ kind: 'frozen' }, { kind: 'pids-max', count: 4 }])
  const ended = readEvents(
    stood.counters,
    new Map([
      ['/g/cgroup.events', 'populated 0\nfrozen 0\n'],
      ['/g/pids.events', null],
    ]),
  )
  assert.deepEqual(
    ended.events.map(({ kind }) => kind),
    ['empty', 'thawed', 'gone'],
  )
})

test('X33: readEvents() tells kills of v1 by the counter of memory.oom_control', () => {
  const text = (kills: number): string => `oom_kill_disable 0\nunder_oom 0\noom_kill ${kills}\n`
  const before = readEvents(null, new Map([['/m/memory.oom_control', text(0)]])).counters
  assert.deepEqual(readEvents(before, new Map([['/m/memory.oom_control', text(1)]])).events, [
    { kind: 'oom-kill', count: 1 },
  ])
})
