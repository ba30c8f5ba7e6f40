import { SyscallError } from '../../base/errors.ts'
import { errnoName } from '../errno.ts'
import { attributeNameAt, missingName } from './attribute-name.ts'
import { type Attributes, decodeAttributes, headOf, type NetlinkMessage, textOf, u32Of } from './decode.ts'
import { align } from './encode.ts'
import type { NetlinkRequest } from './request.ts'
import { NLM_F, NLMSG, NLMSGERR_ATTR } from './tables/messages.ts'

/** What the kernel said at the end of an answer. */
export interface Verdict {
  /** 0, or the number of an error */
  readonly errno: number
  /** The kernel's own words (NETLINK_EXT_ACK), if it has any */
  readonly words?: string
}

/** `int error`, and behind it the header of the request */
const ERROR = 4
const HEADER = 16

/** The verdict of a message of type NLMSG_ERROR or NLMSG_DONE. @throws AgentError for one that is malformed */
export function verdictOf({ type, flags, body }: NetlinkMessage, request: Uint8Array): Verdict {
  // A dump that the kernel had nothing to say of ends without a number in old kernels.
  if (type === NLMSG.NLMSG_DONE && body.length < ERROR) return { errno: 0 }
  const error = headOf(body, ERROR).getInt32(0, true)
  const errno = error < 0 ? -error : 0
  if ((flags & NLM_F.NLM_F_ACK_TLVS) === 0) return { errno }
  const words = wordsOf(decodeAttributes(body, tlvsAt({ type, flags, body })), request)
  return words === undefined ? { errno } : { errno, words }
}

function tlvsAt({ type, flags, body }: Pick<NetlinkMessage, 'type' | 'flags' | 'body'>): number {
  if (type === NLMSG.NLMSG_DONE) return ERROR
  const isCapped = (flags & NLM_F.NLM_F_CAPPED) !== 0
  const repeated = isCapped ? HEADER : headOf(body, ERROR + HEADER).getUint32(ERROR, true)
  return ERROR + align(repeated)
}

function wordsOf(tlvs: Attributes, request: Uint8Array): string | undefined {
  const { NLMSGERR_ATTR_MSG, NLMSGERR_ATTR_OFFS, NLMSGERR_ATTR_MISS_TYPE, NLMSGERR_ATTR_MISS_NEST } = NLMSGERR_ATTR
  const words = textOf(tlvs.get(NLMSGERR_ATTR_MSG))?.replace(/\.$/, '')
  const missing = u32Of(tlvs.get(NLMSGERR_ATTR_MISS_TYPE))
  if (missing !== undefined) {
    const nest = u32Of(tlvs.get(NLMSGERR_ATTR_MISS_NEST))
    return [words, `${missingName(request, missing, nest)} is missing`].filter(Boolean).join(': ')
  }
  const offset = u32Of(tlvs.get(NLMSGERR_ATTR_OFFS))
  const name = offset === undefined ? undefined : attributeNameAt(request, offset)
  if (!words) return name && `the kernel means ${name}`
  return name ? `${words} (${name})` : words
}

/** The error of a request that the kernel refused. */
export function netlinkError(title: string, { errno, words }: Verdict, also?: string): SyscallError {
  const bracket = title.indexOf('(')
  const because = [words, also].filter((each) => each !== undefined).join('; ')
  return new SyscallError({
    call: title.slice(0, bracket),
    args: title.slice(bracket + 1, -1),
    errno: errnoName(errno),
    step: 0,
    steps: 1,
    ...(because ? { because } : {}),
  })
}

/** @throws SyscallError when the kernel refused the request */
export function assertAccepted(request: Pick<NetlinkRequest<unknown>, 'title'>, verdict: Verdict): void {
  if (verdict.errno !== 0) throw netlinkError(request.title, verdict)
}
