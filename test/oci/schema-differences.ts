type Reason = readonly [reason: string, pattern: RegExp]

/** Documents that the schema refuses and we take, by the place that was changed. */
const ACCEPTED: readonly Reason[] = [
  [
    "podman and containerd write all of st_mode, with the file's type, into fileMode",
    /^\/linux\/devices\/\d+\/fileMode$/,
  ],
  ['engines write the words of mount(8) that begin with "r"', /^\/linux\/rootfsPropagation$/],
]

/** Documents that the schema takes and we refuse, by the message. */
const REFUSED: readonly Reason[] = [
  ['the text demands a SemVer', /^\/ociVersion must be a version/],
  ['the text demands a property that the schema does not', / is missing: /],
  ['the text demands an absolute path', / must be an absolute path/],
  ['the text demands a program', /^\/process\/args(?:\/0)? must /],
  ['the text demands a listener where there is metadata for it', / needs listenerPath/],
  ['the text demands one of two limits', / must have hcaHandles or hcaObjects$/],
  [
    'the text and the kernel have letters for device rules',
    /^\/linux\/resources\/devices\/\d+\/(?:access|type) must be /,
  ],
  [
    'the kernel has fewer values than the type of the schema',
    / must be (?:a whole number|1 to 99|a (?:major|minor) number)/,
  ],
  ['the kernel has two clocks with an offset', /^\/linux\/timeOffsets\/\w+ is a clock without an offset/],
  ['the kernel has rules for names of interfaces', / must be the name of a network interface/],
  ['a list of numbers must be one', / must be a list of (?:CPU|memory node)/],
  ['ids end below 2^32-1', / must not reach beyond id /],
  ['a second line would be a second order', / must be one line/],
  ['an empty text means nothing', / must (?:not be empty|be text without NUL|be one directory of resctrl)/],
  [
    'values contradict each other',
    / must (?:not be above|not be below|be -1 when|be absent (?:or 0 with|in a rule)) ?/,
  ],
  ['values need each other', / needs memory\.limit/],
  ['without a namespace it would change the host, or mean nothing', / needs an? \w+ namespace/],
]

const find = (reasons: readonly Reason[], text: string): string | undefined =>
  reasons.find(([, pattern]) => pattern.test(text))?.[0]

/** Why a document that the schema refuses is taken. */
export const whyAccepted = (pointer: string): string | undefined => find(ACCEPTED, pointer)

/** Why a document that the schema takes is refused. */
export const whyRefused = (message: string): string | undefined => find(REFUSED, message)

export const REASONS: readonly string[] = [...ACCEPTED, ...REFUSED].map(([reason]) => reason)
