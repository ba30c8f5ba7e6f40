import type { Link, NewAddress, NewLink, NewRoute } from '../../src/netlink/index.ts'

/** Each kind has its own settings, and no others. */
export const links: readonly NewLink[] = [
  { kind: 'veth', name: 'a', peer: { name: 'b', netns: { pid: 1 } } },
  { kind: 'bridge', name: 'a', stp: false },
  { kind: 'macvlan', name: 'a', link: 'eth0', mode: 'bridge' },
  // @ts-expect-error a veth has another end
  { kind: 'veth', name: 'a' },
  // @ts-expect-error the other end cannot be up before the first is there
  { kind: 'veth', name: 'a', peer: { name: 'b', up: true } },
  // @ts-expect-error a dummy has no ports
  { kind: 'dummy', name: 'a', stp: true },
  // @ts-expect-error modes of an ipvlan are others
  { kind: 'ipvlan', name: 'a', link: 'eth0', mode: 'bridge' },
  // @ts-expect-error a new link has no alias
  { kind: 'dummy', name: 'a', alias: 'x' },
  // @ts-expect-error one of pid and fd
  { kind: 'dummy', name: 'a', netns: {} },
]

// @ts-expect-error flags have the kernel's names
export const address: NewAddress = { dev: 'a', address: '::1', flags: ['nodad'] }

// @ts-expect-error types of routes are words
export const route: NewRoute = { to: 'default', type: 'hole' }

export function delayOf({ info }: Link): number | undefined {
  // @ts-expect-error only a bridge has a delay
  void info.forwardDelayMs
  return info.kind === 'bridge' ? info.forwardDelayMs : undefined
}
