import assert from 'node:assert/strict'
import { test } from 'node:test'
import { type FakeAnswer, FakeSystemd, type FakeSystemdOptions } from '../../../test/support/fake-systemd.ts'
import { InvalidInputError, StateError, TimeoutError, UnsupportedError } from '../../base/errors.ts'
import type { BusValue, Variant } from './dbus/value.ts'
import { startScope, type StartScopeOptions } from './scope.ts'

// A systemd that says what the test wants; that a real one does what it is asked is shown in test/vm.

const PIDS = [process.pid]

/** Asks a fake; what comes of it, and what it was asked. */
async function ask(
  fake: FakeSystemdOptions,
  options: Partial<StartScopeOptions> = {},
): Promise<{ error: unknown; fake: FakeSystemd }> {
  await using systemd = await FakeSystemd.start({ result: 'done', ...fake })
  const request = {
    name: 'carrel-x.scope',
    pids: PIDS,
    manager: 'system',
    socket: systemd.socket,
    timeoutMs: 5000,
    ...options,
  } as const
  const error = await startScope(request).then(
    () => undefined,
    (reason: unknown) => reason,
  )
  return { error, fake: systemd }
}

const answering = (member: string, answer: FakeAnswer): FakeSystemdOptions => ({ answers: { [member]: answer } })
const refusing = (name: string, text: string): FakeSystemdOptions =>
  answering('StartTransientUnit', { error: name, text })

/** Properties of the unit that was asked for, by name. */
function propertiesOf(fake: FakeSystemd): Readonly<Record<string, BusValue>> {
  const call = fake.calls.find(({ member }) => member === 'StartTransientUnit')
  const list = (call?.body?.[2] ?? []) as readonly (readonly [string, Variant])[]
  return Object.fromEntries(list.map(([name, { value }]) => [name, value]))
}

test('L58: startScope() asks for a delegated scope that systemd forgets when it ends, with accounting', async () => {
  const { fake } = await ask(
    {},
    { slice: 'a-b.slice', description: 'Words', stopTimeoutMs: 1.5, resources: { pids: { limit: 9 } } },
  )
  const { TasksMax, ...rest } = propertiesOf(fake)
  assert.equal(TasksMax, 9n)
  assert.deepEqual(
    ['Slice', 'PIDs', 'Delegate', 'CollectMode', 'Description', 'TimeoutStopUSec', 'MemoryAccounting'].map(
      (name) => rest[name],
    ),
    ['a-b.slice', PIDS, true, 'inactive-or-failed', 'Words', 1500n, true],
  )
  const call = fake.calls.find(({ member }) => member === 'StartTransientUnit')
  assert.deepEqual([call?.body?.[0], call?.body?.[1]], ['carrel-x.scope', 'fail'])
})

test('L58: startScope() puts scopes into system.slice, and those of a user into user.slice', async () => {
  assert.equal(propertiesOf((await ask({})).fake)['Slice'], 'system.slice')
  assert.equal(propertiesOf((await ask({}, { manager: 'user' })).fake)['Slice'], 'user.slice')
})

test('L58: startScope() believes the kernel, not systemd, about where the process is', async () => {
  for (const early of [false, true]) {
    const { error } = await ask({ early })
    assert.ok(error instanceof StateError)
    assert.equal(error.state, 'outside')
    assert.match(error.message, /is not in carrel-x\.scope/)
  }
})

test('L58: startScope() tells the result of a job that did not do it', async () => {
  for (const [result, words] of [
    ['failed', /it failed/],
    ['canceled', /took its place/],
    ['timeout', /longer than systemd/],
    ['odd', /is odd;/],
  ] as const) {
    const { error } = await ask({ result })
    assert.ok(error instanceof StateError)
    assert.equal(error.state, result)
    assert.match(error.message, words)
  }
})

const REFUSALS = [
  ['org.freedesktop.systemd1.UnitExists', StateError, 'in use'],
  ['org.freedesktop.DBus.Error.InvalidArgs', InvalidInputError, 'properties'],
  ['org.freedesktop.DBus.Error.PropertyReadOnly', UnsupportedError, 'systemd.version'],
  ['org.freedesktop.DBus.Error.AccessDenied', UnsupportedError, 'systemd.permission'],
  ['org.freedesktop.DBus.Error.InteractiveAuthorizationRequired', UnsupportedError, 'systemd.permission'],
  ['org.freedesktop.DBus.Error.Failed', StateError, 'org.freedesktop.DBus.Error.Failed'],
] as const

test('L58: startScope() makes of each refusal an error for who can act on it, in the words of systemd', async () => {
  for (const [name, kind, word] of REFUSALS) {
    const { error } = await ask(refusing(name, 'No, because of this.'))
    assert.ok(error instanceof kind, name)
    assert.match(error.message, /does not start carrel-x\.scope \(No, because of this\)/)
    const told = 'state' in error ? error.state : 'field' in error ? error.field : error.fact
    assert.equal(told, word)
  }
})

test('L58: startScope() waits as long as it may, for an answer and for the job', async () => {
  for (const fake of [
    { result: undefined },
    answering('StartTransientUnit', 'silence'),
    answering('Hello', 'silence'),
  ]) {
    const before = performance.now()
    const { error } = await ask(fake, { timeoutMs: 300 })
    assert.ok(error instanceof TimeoutError, String(error))
    assert.ok(performance.now() - before < 3000)
  }
})

test('L58: startScope() ends with the reason of its signal', async () => {
  const stop = new AbortController()
  const reason = new Error('enough')
  setTimeout(() => stop.abort(reason), 100)
  const { error } = await ask({ result: undefined }, { signal: stop.signal })
  assert.equal(error, reason)
})

test('L58: startScope() passes over a signal of somebody else', async () => {
  const { error } = await ask({ sender: ':1.666' }, { timeoutMs: 300 })
  assert.ok(error instanceof TimeoutError, String(error))
})

test('L58: startScope() survives a systemd that goes away or talks nonsense', async () => {
  for (const answer of ['close', { bytes: new Uint8Array(16) }] as const) {
    const { error } = await ask(answering('StartTransientUnit', answer))
    assert.ok(error instanceof StateError, String(error))
    assert.match(error.message, /does not start carrel-x\.scope/)
  }
})

test('L58: startScope() refuses pids that mean other processes to systemd', async () => {
  const { error, fake } = await ask(answering('GetConnectionUnixProcessID', { signature: 'u', body: [1] }))
  assert.ok(error instanceof UnsupportedError)
  assert.equal(error.fact, 'systemd.pidNamespace')
  assert.ok(!fake.members.includes('StartTransientUnit'))
})

test('L58: startScope() says who cannot be reached, and what to do', async () => {
  const absent = { error: 'org.freedesktop.DBus.Error.NameHasNoOwner', text: 'Could not get owner of name' }
  const fakes = [
    answering('GetNameOwner', absent),
    { refusal: 'REJECTED EXTERNAL\r\n' },
    { refusal: `${'x'.repeat(20_000)}` },
    answering('Hello', 'close'),
  ]
  for (const fake of fakes) {
    const { error } = await ask(fake, { manager: 'user' })
    assert.ok(error instanceof UnsupportedError, String(error))
    assert.equal(error.fact, 'systemd.userBus')
    assert.match(error.remedy, /loginctl enable-linger/)
  }
  await assert.rejects(
    startScope({ name: 'x.scope', pids: PIDS, manager: 'system', socket: '/run/no-such-bus' }),
    (error) => {
      assert.ok(error instanceof UnsupportedError)
      assert.equal(error.fact, 'systemd.systemBus')
      return /ENOENT/.test(error.message)
    },
  )
})

test('L58: startScope() says no Hello to the socket of systemd itself', async () => {
  const { error, fake } = await ask({ socket: 'systemd/private' })
  assert.ok(error instanceof StateError)
  assert.equal(error.state, 'outside')
  assert.deepEqual(fake.members.slice(0, 1), ['Subscribe'])
  assert.ok(fake.calls.every(({ destination }) => destination === undefined))
})

test('L58: startScope() refuses devices to the systemd of a user, which would leave them open', async () => {
  const { error, fake } = await ask({}, { manager: 'user', resources: { devices: [{ allow: false }] } })
  assert.ok(error instanceof UnsupportedError)
  assert.equal(error.fact, 'systemd.devices')
  assert.ok(!fake.members.includes('StartTransientUnit'))
})

test('L58: startScope() checks what it is given before it asks anybody', async () => {
  const wrong: readonly (readonly [Record<string, unknown>, string])[] = [
    [{ name: 'x' }, 'name'],
    [{ pids: [] }, 'pids'],
    [{ pids: [0] }, 'pids'],
    [{ pids: 1 }, 'pids'],
    [{ slice: 'a--b.slice' }, 'slice'],
    [{ stopTimeoutMs: -1 }, 'stopTimeoutMs'],
    [{ timeoutMs: -1 }, 'timeoutMs'],
    [{ slize: 'a.slice' }, 'slize'],
    [{ manager: 'mine' }, 'manager'],
    [{ resources: { pids: { limit: 'x' } } }, 'pids.limit'],
  ]
  for (const [options, field] of wrong) {
    const { error, fake } = await ask({}, options)
    assert.ok(error instanceof InvalidInputError, `${field}: ${String(error)}`)
    assert.equal(error.field, field)
    assert.deepEqual(fake.calls, [])
  }
})
