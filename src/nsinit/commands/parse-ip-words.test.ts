import assert from 'node:assert/strict'
import { test } from 'node:test'
import { parseIpWords } from './parse-ip-words.ts'

const titleOf = (text: string): string | undefined => parseIpWords(text.split(' ')).change?.title

test('L27: parseIpWords() shows, or makes one request', () => {
  assert.deepEqual(parseIpWords([]), { shows: 'all' })
  for (const words of ['a', 'addr', 'address show', 'link', 'l ls']) {
    assert.deepEqual(parseIpWords(words.split(' ')), { shows: 'interfaces' }, words)
  }
  assert.deepEqual(parseIpWords(['route', 'list']), { shows: 'routes' })
  assert.match(titleOf('addr add 10.9.0.2/24 dev eth0') ?? '', /^RTM_NEWADDR\(.*10\.9\.0\.2\/24/)
  assert.match(titleOf('addr del 10.9.0.2/24 dev eth0') ?? '', /^RTM_DELADDR/)
  assert.match(titleOf('link set eth0 up mtu 1300') ?? '', /^RTM_NEWLINK\(eth0 up mtu\)/)
  assert.match(titleOf('r add default via fd00:9::1 dev eth0') ?? '', /^RTM_NEWROUTE\(default via fd00:9::1 dev eth0\)/)
  assert.match(titleOf('route del 10.1.0.0/16') ?? '', /^RTM_DELROUTE\(10\.1\.0\.0\/16\)/)
})

test('L27: parseIpWords() refuses what is none of its forms', () => {
  for (const words of [
    'tunnel',
    'addr add',
    'addr add 10.9.0.2/24',
    'addr add 10.9.0.2/24 dev',
    'addr add 10.9.0.2/24 dev eth0 dev eth1',
    'addr flush dev eth0',
    'link set eth0',
    'link set eth0 up down',
    'link set eth0 mtu many',
    'link del eth0',
    'route add default weight 3',
    'route get 10.0.0.1',
  ]) {
    assert.throws(() => parseIpWords(words.split(' ')), { name: 'InvalidInputError' }, words)
  }
})
