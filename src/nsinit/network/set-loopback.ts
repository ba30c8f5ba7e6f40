import { addAddress } from '../../linux/netlink/addresses.ts'
import { setLink } from '../../linux/netlink/links.ts'
import type { LoopbackNetwork } from '../container-json/container-config.ts'
import { explained } from './explained.ts'
import type { Rtnetlink } from './rtnetlink.ts'

/** Sets the loopback interface of a network namespace up; the kernel gives it 127.0.0.1/8 and ::1/128 then. @throws InvalidInputError */
export function setLoopback(inside: Rtnetlink, { mtu, address }: LoopbackNetwork, field: string): void {
  const remedy = 'give an mtu of 68 bytes or more'
  explained({ field: `${field}/mtu`, problem: 'cannot be that of lo', remedy }, () =>
    inside.request(setLink('lo', { up: true, ...(mtu === undefined ? {} : { mtu }) })),
  )
  if (address === undefined) return
  explained({ field: `${field}/address`, problem: 'cannot be an address of lo', remedy: 'leave it out' }, () =>
    inside.request(addAddress({ dev: 'lo', address, scope: 'host', replace: true })),
  )
}
