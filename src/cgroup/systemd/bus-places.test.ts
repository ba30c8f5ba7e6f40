import assert from 'node:assert/strict'
import { test } from 'node:test'
import { UnsupportedError } from '../../base/errors.ts'
import { type HostSource, machineSource, type SourceEntry } from '../../host/source.ts'
import { busPlaces, parseBusAddress } from './bus-places.ts'

const DIRECTORY: SourceEntry = { ...(machineSource.entry('/') as SourceEntry), kind: 'directory' }

/** A host with systemd, on which only these paths and variables are. */
const host = (paths: readonly string[], variables: Readonly<Record<string, string>> = {}): HostSource => ({
  ...machineSource,
  entry: (path) =>
    path === '/run/systemd/system' || paths.includes(path)
      ? { ...DIRECTORY, uid: path.includes('1000') ? 1000 : 0 }
      : undefined,
  mode: (path) => (paths.includes(path) ? 0o140777 : undefined),
  variable: (name) => variables[name],
})

const paths = (source: HostSource, kind: 'system' | 'user', uid: number) =>
  busPlaces(source, kind, uid).map(({ path }) => path)

test('L58: busPlaces() refuses a host that systemd does not run', () => {
  const none = { ...host([]), entry: () => undefined }
  assert.throws(
    () => busPlaces(none, 'system', 0),
    (error) => error instanceof UnsupportedError && error.fact === 'systemd' && /PID 1/.test(error.remedy),
  )
})

const SYSTEM = ['/run/dbus/system_bus_socket', '/run/systemd/private']

test("L58: busPlaces() tries the system's bus, then systemd's own socket, which only root may use", () => {
  assert.deepEqual(paths(host(SYSTEM), 'system', 0), SYSTEM)
  assert.deepEqual(paths(host(SYSTEM.slice(1)), 'system', 0), SYSTEM.slice(1))
  assert.deepEqual(paths(host(SYSTEM), 'system', 1000), SYSTEM.slice(0, 1))
  assert.deepEqual(paths(host(SYSTEM, { DBUS_SYSTEM_BUS_ADDRESS: 'unix:path=/x' }), 'system', 0), ['/x', ...SYSTEM])
  assert.deepEqual(
    busPlaces(host(SYSTEM), 'system', 0).map(({ direct }) => direct),
    [false, true],
  )
})

const RUNTIME = '/run/user/1000'

test("L58: busPlaces() finds a user's own bus by its address, by XDG_RUNTIME_DIR, or where logind puts it", () => {
  const own = [`${RUNTIME}/bus`, `${RUNTIME}/systemd/private`]
  assert.deepEqual(paths(host(own), 'user', 1000), own)
  assert.deepEqual(paths(host([]), 'user', 1000), [])
  assert.deepEqual(paths(host(own, { DBUS_SESSION_BUS_ADDRESS: 'unix:path=/tmp/bus' }), 'user', 1000), [
    '/tmp/bus',
    ...own,
  ])
  const elsewhere = ['/xdg-1000', '/xdg-1000/bus']
  assert.deepEqual(paths(host(elsewhere, { XDG_RUNTIME_DIR: '/xdg-1000' }), 'user', 1000), ['/xdg-1000/bus'])
  // After su(1) the variable may be another user's.
  assert.deepEqual(
    paths(host([...own, '/run/user/0', '/run/user/0/bus'], { XDG_RUNTIME_DIR: '/run/user/0' }), 'user', 1000),
    own,
  )
})

test('parseBusAddress() takes sockets of this host, and unescapes them', () => {
  assert.deepEqual(parseBusAddress('unix:path=/run/user/1000/bus'), ['/run/user/1000/bus'])
  assert.deepEqual(parseBusAddress('unix:path=/a%20b,guid=12'), ['/a b'])
  assert.deepEqual(parseBusAddress('tcp:host=x,port=1;unix:abstract=/tmp/dbus-1;unix:path=/b'), ['\0/tmp/dbus-1', '/b'])
  for (const none of ['', 'unix:', 'unix:path=%zz', 'unix:path=relative', 'autolaunch:', 'unix:tmpdir=/tmp']) {
    assert.deepEqual(parseBusAddress(none), [], none)
  }
})
