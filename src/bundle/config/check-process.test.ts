import assert from 'node:assert/strict'
import { test } from 'node:test'
import { exampleText, refusal } from './example-config.ts'
import { parseConfig, parseProcess } from './parse-config.ts'

const WRONG: readonly (readonly [pointer: string, value: unknown, message: RegExp])[] = [
  ['/process', [], /^\/process must be an object, not a list$/],
  ['/process/cwd', undefined, /^\/process\/cwd is missing: /],
  ['/process/cwd', 'tmp', /^\/process\/cwd must be an absolute path, not "tmp": begin it with "\/"$/],
  ['/process/cwd', '', /^\/process\/cwd must be an absolute path/],
  ['/process/args', undefined, /^\/process\/args must have at least one entry/],
  ['/process/args', [], /^\/process\/args must have at least one entry/],
  ['/process/args', [''], /^\/process\/args\/0 must name a program/],
  ['/process/args', ['sh', 1], /^\/process\/args\/1 must be text, not 1$/],
  ['/process/args', 'sh', /^\/process\/args must be a list, not "sh"$/],
  ['/process/env', [null], /^\/process\/env\/0 must be text, not null: leave the property out instead$/],
  ['/process/terminal', 'yes', /^\/process\/terminal must be true or false, not "yes"$/],
  ['/process/consoleSize', { height: 1 }, /^\/process\/consoleSize\/width is missing/],
  ['/process/consoleSize', { height: -1, width: 1 }, /^\/process\/consoleSize\/height must be a whole number/],
  ['/process/user', {}, /^\/process\/user\/uid is missing/],
  ['/process/user/gid', undefined, /^\/process\/user\/gid is missing/],
  ['/process/user/uid', -1, /^\/process\/user\/uid must be a whole number from 0 to 4294967294, not -1$/],
  ['/process/user/uid', 4294967295, /^\/process\/user\/uid must be/],
  ['/process/user/uid', 1.5, /^\/process\/user\/uid must be a whole number/],
  ['/process/user/umask', 0o1000, /^\/process\/user\/umask must be a whole number from 0 to 511/],
  ['/process/user/additionalGids', [0, 'x'], /^\/process\/user\/additionalGids\/1 must be/],
  ['/process/capabilities', ['CAP_KILL'], /^\/process\/capabilities must be an object, not a list$/],
  ['/process/capabilities/bounding', 'CAP_KILL', /^\/process\/capabilities\/bounding must be a list/],
  ['/process/rlimits', [{ type: 'RLIMIT_NOFILE', soft: 1 }], /^\/process\/rlimits\/0\/hard is missing/],
  [
    '/process/rlimits',
    [{ type: 'RLIMIT_NOFILES', soft: 1, hard: 1 }],
    /^\/process\/rlimits\/0\/type must be a resource of getrlimit\(2\), not "RLIMIT_NOFILES": did you mean RLIMIT_NOFILE\?$/,
  ],
  [
    '/process/rlimits',
    [{ type: 'RLIMIT_CPU', soft: 2, hard: 1 }],
    /^\/process\/rlimits\/0\/soft must not be above hard, which is 1/,
  ],
  [
    '/process/rlimits',
    [
      { type: 'RLIMIT_NOFILE', soft: 1, hard: 1 },
      { type: 'RLIMIT_OFILE', soft: 1, hard: 1 },
    ],
    /^\/process\/rlimits\/1\/type is RLIMIT_NOFILE for the second time/,
  ],
  [
    '/process/rlimits',
    [{ type: 'RLIMIT_CPU', soft: -1, hard: 1 }],
    /^\/process\/rlimits\/0\/soft must be a whole number/,
  ],
  [
    '/process/rlimits',
    [{ type: 'RLIMIT_CPU', soft: 0, hard: 2n ** 64n }],
    /hard must be .*, not 18446744073709551616$/,
  ],
  ['/process/noNewPrivileges', 1, /^\/process\/noNewPrivileges must be true or false, not 1$/],
  ['/process/oomScoreAdj', 1001, /^\/process\/oomScoreAdj must be a whole number from -1000 to 1000, not 1001$/],
  ['/process/apparmorProfile', 'a\nb', /^\/process\/apparmorProfile must be one line/],
  ['/process/selinuxLabel', 7, /^\/process\/selinuxLabel must be text/],
  ['/process/scheduler', {}, /^\/process\/scheduler\/policy is missing/],
  [
    '/process/scheduler',
    { policy: 'SCHED_FIF0' },
    /^\/process\/scheduler\/policy must be one of .*did you mean SCHED_FIFO\?$/,
  ],
  ['/process/scheduler', { policy: 'SCHED_ISO' }, /^\/process\/scheduler\/policy is SCHED_ISO, which no kernel has/],
  ['/process/scheduler', { policy: 'SCHED_OTHER', nice: 20 }, /^\/process\/scheduler\/nice must be .* -20 to 19/],
  ['/process/scheduler', { policy: 'SCHED_FIFO' }, /^\/process\/scheduler\/priority must be 1 to 99/],
  ['/process/scheduler', { policy: 'SCHED_OTHER', priority: 1 }, /^\/process\/scheduler\/priority must be absent or 0/],
  ['/process/scheduler', { policy: 'SCHED_OTHER', period: 1 }, /^\/process\/scheduler\/period must be absent or 0/],
  ['/process/scheduler', { policy: 'SCHED_OTHER', flags: ['X'] }, /^\/process\/scheduler\/flags\/0 must be one of/],
  [
    '/process/scheduler',
    { policy: 'SCHED_DEADLINE', runtime: 1000 },
    /^\/process\/scheduler\/runtime must be at least 1024 ns/,
  ],
  [
    '/process/scheduler',
    { policy: 'SCHED_DEADLINE', runtime: 2000, deadline: 1999 },
    /^\/process\/scheduler\/deadline must be at least runtime/,
  ],
  [
    '/process/scheduler',
    { policy: 'SCHED_DEADLINE', runtime: 2000, deadline: 2000, period: 1999 },
    /^\/process\/scheduler\/period must be 0 or at least deadline/,
  ],
  ['/process/ioPriority', { class: 'IOPRIO_CLASS_NONE', priority: 0 }, /^\/process\/ioPriority\/class must be/],
  [
    '/process/ioPriority',
    { class: 'IOPRIO_CLASS_BE', priority: 8 },
    /^\/process\/ioPriority\/priority must be .* 0 to 7/,
  ],
  ['/process/ioPriority', { class: 'IOPRIO_CLASS_BE' }, /^\/process\/ioPriority\/priority is missing/],
  ['/process/execCPUAffinity', { initial: '0-' }, /^\/process\/execCPUAffinity\/initial must be a list of CPUs/],
  ['/process/execCPUAffinity', { final: '1 2' }, /^\/process\/execCPUAffinity\/final must be a list of CPUs/],
]

for (const [pointer, value, message] of WRONG) {
  test(`parseConfig() refuses ${pointer} ${JSON.stringify(value, (_, each: unknown) => (typeof each === 'bigint' ? String(each) : each))}`, () => {
    assert.match(refusal([pointer, value]), message)
  })
}

test('parseConfig() keeps limits of 64 bits exactly', () => {
  const rlimits = [{ type: 'RLIMIT_CORE', soft: 2n ** 53n + 1n, hard: 2n ** 64n - 1n }]
  assert.deepEqual(parseConfig(exampleText(['/process/rlimits', rlimits])).config.process?.rlimits, rlimits)
})

test('parseConfig() ignores the size of a terminal that is not there, and refuses one that no terminal has', () => {
  const size = ['/process/consoleSize', { height: 65536, width: 1 }] as const
  assert.equal(refusal(size), 'accepted')
  assert.match(refusal(size, ['/process/terminal', true]), /^\/process\/consoleSize\/height must be .* 65535/)
})

test('parseConfig() grants no capability that does not exist, and warns', () => {
  const { config, warnings } = parseConfig(exampleText(['/process/capabilities/bounding', ['CAP_KILL', 'CAP_KIL']]))
  assert.deepEqual(config.process?.capabilities, { bounding: ['CAP_KILL'] })
  assert.deepEqual(warnings, [
    '/process/capabilities/bounding/1 is no capability and is not granted: "CAP_KIL": did you mean CAP_KILL?',
  ])
})

test('parseConfig() passes on an environment entry without "=", and warns', () => {
  const { config, warnings } = parseConfig(exampleText(['/process/env', ['A=', 'B', '=C']]))
  assert.deepEqual(config.process?.env, ['A=', 'B', '=C'])
  assert.deepEqual(
    warnings.map((warning) => warning.slice(0, 14)),
    ['/process/env/1', '/process/env/2'],
  )
})

test('parseConfig() accepts every kind of scheduling', () => {
  for (const scheduler of [
    { policy: 'SCHED_BATCH', nice: -20, priority: 0 },
    { policy: 'SCHED_RR', priority: 99, flags: ['SCHED_FLAG_RESET_ON_FORK'] },
    { policy: 'SCHED_DEADLINE', runtime: 1024, deadline: 1024, period: 0 },
  ]) {
    assert.equal(refusal(['/process/scheduler', scheduler]), 'accepted')
  }
  assert.equal(refusal(['/process/execCPUAffinity', { initial: '', final: '0-3, 7' }]), 'accepted')
})

test('parseProcess() names places from the top of its own document', () => {
  assert.throws(() => parseProcess('{"args": ["sh"], "cwd": "x"}'), { message: /^\/cwd must be/, field: '/cwd' })
  assert.throws(() => parseProcess('[]'), { message: 'The document must be an object, not a list' })
  const { process, warnings } = parseProcess('{"args": ["sh"], "cwd": "/", "commandLine": "cmd"}')
  assert.deepEqual(process.args, ['sh'])
  assert.deepEqual(warnings, ['Unknown properties are ignored: /commandLine'])
})
