import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { test } from 'node:test'
import { type Changes, container, undoAfterTest, useOci } from '../../support/oci.ts'
import { refused } from './expect.ts'

useOci()

const ip = (...words: readonly string[]): string =>
  execFileSync('ip', words, { encoding: 'utf8', stdio: ['ignore', 'pipe', 'ignore'] })

let count = 0

/** A network device of the host that lives as long as the test. */
function device(): string {
  const name = `ct${process.pid % 100_000}x${++count}`
  ip('link', 'add', name, 'type', 'veth', 'peer', 'name', `${name}p`)
  undoAfterTest(() => {
    try {
      ip('link', 'delete', name)
    } catch {
      // It went with the network namespace that it was moved to.
    }
  })
  return name
}

const inside = (pid: number, ...words: readonly string[]): string =>
  execFileSync('nsenter', [`--net=/proc/${pid}/ns/net`, 'ip', ...words], { encoding: 'utf8' })

test('OCI-L54: a network device is moved, and is up', () => {
  const name = device()
  const one = container({ linux: { netDevices: { [name]: {} } } })
  assert.match(inside(one.pid, 'link', 'show', name), /[<,]UP[,>]/)
  assert.throws(() => ip('link', 'show', name))
})

test('OCI-L55: it gets its name, and keeps its global addresses', () => {
  const name = device()
  ip('addr', 'add', '192.0.2.7/24', 'dev', name)
  ip('addr', 'add', '2001:db8::7/64', 'dev', name, 'nodad')
  ip('link', 'set', name, 'mtu', '1400')
  const one = container({ linux: { netDevices: { [name]: { name: 'eth7' } } } })
  const shown = inside(one.pid, 'addr', 'show', 'eth7')
  for (const part of ['192.0.2.7/24', '2001:db8::7/64', 'mtu 1400']) assert.ok(shown.includes(part), shown)
})

test('OCI-L56: a taken name is refused, but for a template', () => {
  const [first, second] = [device(), device()]
  refused({ linux: { netDevices: { [first]: { name: 'lo' } } } })
  refused({ linux: { netDevices: { nosuchdevice: {} } } })
  assert.match(ip('link', 'show', first), new RegExp(first))
  const one = container({ linux: { netDevices: { [first]: { name: 'net%d' }, [second]: { name: 'net%d' } } } })
  const names = inside(one.pid, '-o', 'link', 'show')
  for (const name of ['net0', 'net1']) assert.match(names, new RegExp(` ${name}[@:]`))
})

test('OCI-L57: without a network namespace of the container it is refused', () => {
  const name = device()
  const namespaces = ['pid', 'mount', 'ipc', 'uts'].map((type): Changes => ({ type }))
  refused({ linux: { namespaces, netDevices: { [name]: {} } } })
  assert.match(ip('link', 'show', name), new RegExp(name))
})
