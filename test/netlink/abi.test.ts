import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import * as links from '../../src/linux/netlink/tables/links.ts'
import * as messages from '../../src/linux/netlink/tables/messages.ts'
import * as routing from '../../src/linux/netlink/tables/routing.ts'

const HEADERS = [
  'netlink',
  'rtnetlink',
  'if_link',
  'if_addr',
  'neighbour',
  'fib_rules',
  'net_namespace',
  'veth',
  'if_bridge',
]

/** Sizes of structs that the codec lays out by hand. */
const SIZES = {
  nlmsghdr: 16,
  nlattr: 4,
  ifinfomsg: 16,
  ifaddrmsg: 8,
  ifa_cacheinfo: 16,
  rtmsg: 12,
  rtnexthop: 8,
  fib_rule_hdr: 12,
  ndmsg: 12,
}

test('every number and size of the netlink tables is that of the kernel headers', () => {
  const numbers = Object.values({ ...links, ...messages, ...routing }).flatMap((table) =>
    Object.entries('values' in table && typeof table.values === 'object' ? table.values : table),
  )
  assert.ok(numbers.length > 300, String(numbers.length))
  const folder = mkdtempSync(join(tmpdir(), 'carrel-netlink-abi-'))
  try {
    const file = join(folder, 'abi.c')
    writeFileSync(
      file,
      [
        '#include <sys/socket.h>',
        ...HEADERS.map((header) => `#include <linux/${header}.h>`),
        ...numbers.map(([name, value]) => `_Static_assert((${name}) == ${String(value)}, "${name}");`),
        ...Object.entries(SIZES).map(([name, size]) => `_Static_assert(sizeof(struct ${name}) == ${size}, "${name}");`),
      ].join('\n'),
    )
    execFileSync('gcc', ['-fsyntax-only', '-Wall', '-Werror', file], { stdio: ['ignore', 'ignore', 'pipe'] })
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
})
