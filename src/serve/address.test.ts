import assert from 'node:assert/strict'
import { test } from 'node:test'
import { isLoopback, isWildcard, parseTcpAddress, parseUnixAddress, showAddress } from './address.ts'
import { exposureOf } from './exposure.ts'
import { addressKey } from './peer.ts'

test('parseTcpAddress() takes an address in numbers and a port, and is shown as it was written', () => {
  for (const text of ['127.0.0.1:31337', '0.0.0.0:0', '[::1]:80', '[::]:65535', '[fe80::1%eth0]:1']) {
    assert.equal(showAddress(parseTcpAddress(text)), text)
  }
  for (const text of ['31337', ':31337', 'localhost:31337'])
    assert.equal(showAddress(parseTcpAddress(text)), '127.0.0.1:31337')
})

test('parseTcpAddress() refuses names to listen at, and everything that is unclear', () => {
  const unclear = [
    '',
    'x',
    'example.org:80',
    '::1:80',
    '[::1]',
    '[::1]80',
    '127.0.0.1',
    '127.1:80',
    '1.2.3.4:65536',
    '1.2.3.4:-1',
    '[1.2.3.4]:1',
    ' 80',
  ]
  for (const text of unclear) assert.throws(() => parseTcpAddress(text), { field: 'tcp' }, text)
  assert.deepEqual(parseTcpAddress('example.org:80', { names: true }), { kind: 'tcp', host: 'example.org', port: 80 })
  assert.throws(() => parseTcpAddress('127.0.0.1:0', { names: true }), { field: 'tcp' })
})

test('isLoopback() and isWildcard() know all spellings', () => {
  for (const host of ['127.0.0.1', '127.9.9.9', '::1', '::ffff:127.0.0.1']) assert.ok(isLoopback(host), host)
  for (const host of ['0.0.0.0', '10.0.0.1', '::', '::ffff:10.0.0.1', '128.0.0.1']) assert.ok(!isLoopback(host), host)
  for (const host of ['0.0.0.0', '::', '0:0:0:0:0:0:0:0', '::0', '::ffff:0.0.0.0']) assert.ok(isWildcard(host), host)
  for (const host of ['10.0.0.0', '::1', '1::', 'fe80::']) assert.ok(!isWildcard(host), host)
})

test('exposureOf() is silent for the loopback and private sockets, and says who may do what elsewhere', () => {
  const offer = { command: ['bash', '-i'], sandbox: {}, unixMode: 0o600 }
  const at = (text: string, more: object = {}) => exposureOf(parseTcpAddress(text), { ...offer, ...more })
  assert.equal(at('127.0.0.1:80'), undefined)
  assert.equal(at('[::1]:80'), undefined)
  assert.match(
    at('192.0.2.1:80') ?? '',
    /^anyone who reaches 192\.0\.2\.1:80 runs "bash -i" in a sandbox as a random user, without a password$/,
  )
  assert.match(at('0.0.0.0:80') ?? '', /ANY address of this machine/)
  assert.match(at('[::]:80') ?? '', /ANY address of this machine/)
  const wide = { sandbox: { user: '7:7', net: 'host', binds: ['/srv:/data'] } }
  assert.match(
    at('192.0.2.1:80', wide) ?? '',
    /as user 7:7, without a password, with this machine's network, with \/srv:\/data of/,
  )
  const unix = (unixMode: number) => exposureOf({ kind: 'unix', path: '/run/x' }, { ...offer, unixMode })
  assert.equal(unix(0o600), undefined)
  assert.match(unix(0o660) ?? '', /in the group of \/run\/x/)
  assert.match(unix(0o666) ?? '', /has an account/)
})

test('addressKey() counts a /64 of IPv6 as one address', () => {
  assert.equal(addressKey('192.0.2.1'), '192.0.2.1')
  assert.equal(addressKey('2001:db8:0:1::1'), addressKey('2001:DB8::1:ffff:1:2:3'))
  assert.notEqual(addressKey('2001:db8:0:1::1'), addressKey('2001:db8:0:2::1'))
  assert.equal(addressKey('::1'), '0:0:0:0::/64')
  assert.notEqual(addressKey('fe80::1%eth0'), addressKey('fe80::1%eth1'))
})

test('parseUnixAddress() refuses what would be cut to another name', () => {
  assert.deepEqual(parseUnixAddress('x'.repeat(107)), { kind: 'unix', path: 'x'.repeat(107) })
  for (const path of ['', 'x'.repeat(108), 'é'.repeat(54)])
    assert.throws(() => parseUnixAddress(path), { field: 'unix' }, path)
})
