import { decodeAttributes, i32Of, type NetlinkMessage } from './decode.ts'
import { attribute, checkNumber, type Piece, u32 } from './encode.ts'
import { checkNamespaceRef, type NamespaceRef } from './link-settings.ts'
import { makeChange, makeRequest, type NetlinkRequest } from './request.ts'
import { RTM } from './tables/messages.ts'
import { NETNSA } from './tables/routing.ts'

/** `struct rtgenmsg`, and what fills it up */
const HEAD = 4

const reference = (ref: NamespaceRef): Piece => {
  const { kind, number } = checkNamespaceRef(ref, 'namespace')
  return attribute(kind === 'pid' ? NETNSA.NETNSA_PID : NETNSA.NETNSA_FD, u32(number))
}

const shown = (ref: NamespaceRef): string => Object.entries(ref).flat().join(' ')

/**
 * Gives another network namespace a number in this one, by which links that reach into it say where they lead; without `id` the kernel
 * takes a free one. It says EEXIST when the namespace has one.
 * @throws InvalidInputError
 */
export const setNamespaceId = (ref: NamespaceRef, id?: number): NetlinkRequest<void> =>
  makeChange({
    type: 'RTM_NEWNSID',
    flags: 0,
    head: new Uint8Array(HEAD),
    attributes: [
      reference(ref),
      attribute(NETNSA.NETNSA_NSID, u32(id === undefined ? 0xffff_ffff : checkNumber(id, 'id', 0, 0x7fff_ffff))),
    ],
    about: shown(ref),
  })

/** The number of another network namespace in this one; undefined when it has none. @throws InvalidInputError */
export const getNamespaceId = (ref: NamespaceRef): NetlinkRequest<number | undefined> =>
  makeRequest({
    type: 'RTM_GETNSID',
    flags: 0,
    head: new Uint8Array(HEAD),
    attributes: [reference(ref)],
    about: shown(ref),
    decode: (messages) => messages.map(idOf).find((id) => id !== undefined && id >= 0),
  })

function idOf({ type, body }: NetlinkMessage): number | undefined {
  if (type !== RTM.RTM_NEWNSID) return undefined
  return i32Of(decodeAttributes(body, HEAD).get(NETNSA.NETNSA_NSID))
}
