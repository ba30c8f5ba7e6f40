// Shows: a tap device in a network namespace of its own, made by ioctl(2) with a struct laid out by hand, and a frame read from it.
import assert from 'node:assert/strict'
import { existsSync } from 'node:fs'
import { text } from 'node:stream/consumers'
import { flagsValue, IFF, memory, TUN_FLAGS } from 'carrel/linux'
import { Agent } from 'carrel/process'

if (process.getuid?.() !== 0 || !existsSync('/dev/net/tun')) {
  console.log('needs root, for a network namespace without a user namespace, and /dev/net/tun (modprobe tun)')
  process.exit(0)
}
const short = (value: number) => Uint8Array.of(value & 0xff, value >> 8)
const tapFlags = Number(flagsValue(TUN_FLAGS, ['IFF_TAP', 'IFF_NO_PI'], 'x64', 'flags'))
const up = Number(flagsValue(IFF, ['IFF_UP', 'IFF_RUNNING'], 'x64', 'flags'))

await using root = await Agent.start()
const child = await root.clone(['CLONE_NEWNET'])

// struct ifreq, netdevice(7): 16 bytes of name, a union of 24. The kernel writes the name that it chose into it.
const request = memory(['tap%d', 16 - 'tap%d'.length, short(tapFlags), 22])
const tap = await child.sys.openat('AT_FDCWD', '/dev/net/tun', ['O_RDWR', 'O_CLOEXEC'])
await child.sys.ioctl(tap, 'TUNSETIFF', request)
const name = String.fromCharCode(...request.bytes.subarray(0, 16)).replaceAll('\0', '')
console.log(`the kernel calls it ${name}`)

// sockaddr_in in the union: family, port, address.
const address = Uint8Array.of(2, 0, 0, 0, 10, 31, 3, 37)
const socket = await child.sys.socket('AF_INET', ['SOCK_DGRAM', 'SOCK_CLOEXEC'], 0)
await child.sys.ioctl(socket, 'SIOCSIFADDR', memory([name, 16 - name.length, address, 16]))
await child.sys.ioctl(socket, 'SIOCSIFFLAGS', memory([name, 16 - name.length, short(up), 22]))

// A datagram for a neighbour: before the kernel can send it, it asks for the neighbour's address, and we hold the wire.
await child.sys.sendto(socket, 'hello', [], { address: '10.31.3.38', port: 9 })
let frame: Uint8Array
do frame = await child.sys.read(tap, 1514)
while (frame[12] !== 0x08 || frame[13] !== 0x06)
console.log('ARP request for', frame.subarray(38, 42).join('.'), 'from', frame.subarray(28, 32).join('.'))
assert.deepEqual([...frame.subarray(28, 32), ...frame.subarray(38, 42)], [10, 31, 3, 37, 10, 31, 3, 38])

const cat = await (await child.fork()).exec('/bin/cat', ['cat', '/proc/self/net/dev'])
assert.match(await text(cat.stdout), /^ *tap0:/m)
const outside = await (await root.fork()).exec('/bin/cat', ['cat', '/proc/self/net/dev'])
assert.doesNotMatch(await text(outside.stdout), /^ *tap0:.* 42 /m)
