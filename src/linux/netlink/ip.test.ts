import assert from 'node:assert/strict'
import { test } from 'node:test'
import { broadcastOf, formatIp, formatMac, parseCidr, parseIp, parseMac, parseNetwork } from './ip.ts'

const hex = (bytes: Uint8Array): string => formatMac(bytes).replaceAll(':', '')

test('parseIp() reads what is an address, and its text comes back in the form of RFC 5952', () => {
  const cases = {
    '0.0.0.0': '0.0.0.0',
    '255.255.255.255': '255.255.255.255',
    '192.0.2.1': '192.0.2.1',
    '::': '::',
    '::1': '::1',
    '1::': '1::',
    '2001:DB8:0:0:1:0:0:1': '2001:db8::1:0:0:1',
    '2001:db8:0:1:1:1:1:1': '2001:db8:0:1:1:1:1:1',
    '1:2:3:4:5:6:7::': '1:2:3:4:5:6:7:0',
    '::ffff:192.0.2.1': '::ffff:c000:201',
    '64:ff9b::192.0.2.33': '64:ff9b::c000:221',
    'fe80::0:1': 'fe80::1',
  }
  for (const [text, shown] of Object.entries(cases)) assert.equal(formatIp(parseIp(text, 'ip').bytes), shown, text)
  assert.equal(hex(parseIp('1:2:3:4:5:6:7:8', 'ip').bytes), '00010002000300040005000600070008')
})

test('parseIp() refuses everything else, naming field and remedy', () => {
  const wrong = [
    ...[
      '',
      '1',
      '1.2.3',
      '1.2.3.4.5',
      '256.1.1.1',
      '01.2.3.4',
      '1.2.3.4 ',
      ' 1.2.3.4',
      '1.2.3.+4',
      '0x1.2.3.4',
      '1.2.3.4\n',
    ],
    ...[
      ':',
      ':::',
      '1:2:3:4:5:6:7',
      '1:2:3:4:5:6:7:8:9',
      '1::2::3',
      '12345::',
      'g::',
      '::1%eth0',
      '1:2:3:4:5:6:7:8::',
      '1.2.3.4::',
    ],
    ...['::1.2.3', '::1.2.3.4:5', '1:2:3:4:5:6:7:1.2.3.4', ':1::', '::1:'],
  ]
  for (const text of [...wrong, null, undefined, 5, {}]) {
    assert.throws(
      () => parseIp(text, 'via'),
      { name: 'InvalidInputError', field: 'via', message: /^via must be .*: write it as/ },
      JSON.stringify(text),
    )
  }
})

test('parseCidr() takes a prefix that the family has; without one the address is single', () => {
  assert.deepEqual([parseCidr('10.0.0.1', 'a').prefix, parseCidr('::1', 'a').prefix], [32, 128])
  assert.deepEqual([parseCidr('10.0.0.1/0', 'a').prefix, parseCidr('::1/127', 'a').prefix], [0, 127])
  for (const text of [
    '10.0.0.1/33',
    '::1/129',
    '10.0.0.1/',
    '10.0.0.1/08',
    '10.0.0.1/-1',
    '10.0.0.1/8/8',
    '/8',
    '10.0.0.1/1e1',
  ]) {
    assert.throws(() => parseCidr(text, 'a'), { field: 'a' }, text)
  }
})

test('parseNetwork() refuses bits behind the prefix and says what the network is', () => {
  assert.throws(() => parseNetwork('10.1.2.3/20', 'to'), { message: /write 10\.1\.0\.0\/20$/ })
  assert.throws(() => parseNetwork('2001:db8::1/64', 'to'), { message: /write 2001:db8::\/64$/ })
  assert.equal(parseNetwork('10.1.16.0/20', 'to').prefix, 20)
  assert.equal(parseNetwork('0.0.0.0/0', 'to').prefix, 0)
})

test('broadcastOf() is the last address of a network that has one', () => {
  const of = (text: string): string => formatIp(broadcastOf(parseCidr(text, 'a')) ?? new Uint8Array(0))
  assert.deepEqual(
    [of('192.0.2.7/25'), of('10.0.0.1/9'), of('10.0.0.1/30')],
    ['192.0.2.127', '10.127.255.255', '10.0.0.3'],
  )
  assert.deepEqual([of('10.0.0.1/31'), of('10.0.0.1/32'), of('2001:db8::1/64')], ['', '', ''])
})

test('every address comes back from its own text', () => {
  let seed = 1
  const random = (): number => (seed = (Math.imul(seed, 1103515245) + 12345) & 0x7fffffff) >> 16
  for (let i = 0; i < 2000; i++) {
    // Half of the words are zeros, so that every place of :: is there.
    const bytes = Uint8Array.from({ length: i % 2 ? 4 : 16 }, () => (random() % 2 ? 0 : random() & 0xff))
    assert.deepEqual(parseIp(formatIp(bytes), 'ip').bytes, bytes)
  }
})

test('parseMac() takes six numbers and nothing else', () => {
  assert.equal(formatMac(parseMac('02:AB:00:00:00:ff', 'address')), '02:ab:00:00:00:ff')
  for (const text of [
    '',
    '02:00:00:00:00',
    '02:00:00:00:00:00:00',
    '2:0:0:0:0:1',
    '02-00-00-00-00-01',
    'zz:00:00:00:00:01',
    7,
  ]) {
    assert.throws(() => parseMac(text, 'address'), { field: 'address', message: /must be a hardware address/ })
  }
})
