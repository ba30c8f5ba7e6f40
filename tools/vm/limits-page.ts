import { code, table } from '../markdown.ts'

/** What came of one limit under some circumstances: a line that a test wrote to `CARREL_EFFECTS`. */
export interface Effect {
  /** As resources name it, `memory.limit` */
  readonly limit: string
  readonly verdict: 'enforced' | 'refused'
  /** What was seen, or why it was refused */
  readonly how: string
  /** What was measured divided by what was asked for */
  readonly measured?: number
}

/** The effects of each stage of the machines, by its name. */
export type EffectsByStage = ReadonlyMap<string, readonly Effect[]>

/** Columns of the table: the stages by their names, and what readers are told. */
export const COLUMNS: readonly (readonly [stage: string, title: string])[] = [
  ['v1', 'v1'],
  ['hybrid', 'hybrid'],
  ['v2', 'v2'],
  ['systemd', 'v2, systemd'],
  ['v2 rootless', 'v2, delegated to a user'],
  ['systemd rootless', 'v2, systemd, a user'],
]

const HEAD = `<!-- Written by "npm run test:vm -- --write" from what the tests measured: do not edit -->

# Limits

What each limit does on each kind of host, as the tests in [test/cgroup](../test/cgroup/README.md) measured it by its effect, in machines
with a kernel of their own ([tools/vm](../tools/vm/README.md)). **enforced**: the limit held. **refused**: the host cannot
enforce it, and whoever asks for it is told so before anything runs; with best effort it is left out and listed instead.

- **v1**, **hybrid**: every controller in a hierarchy of its own, without and beside a tree of v2 that has none
- **v2**: as root, in the root group, where v2 is all there is
- **v2, systemd**: as root, in a scope of the system manager with \`Delegate=yes\`
- **v2, delegated to a user**: as an ordinary user, in a group that was given to it
- **v2, systemd, a user**: as an ordinary user, in a scope of its own manager with \`Delegate=yes\`
`

/** Reads the line of a test; anything else is an error, because a table with a hole says something that is not so. */
export function parseEffect(line: string): Effect {
  const value: unknown = JSON.parse(line)
  const field = (name: string): unknown =>
    typeof value === 'object' && value !== null ? Reflect.get(value, name) : undefined
  const [limit, verdict, how, measured] = ['limit', 'verdict', 'how', 'measured'].map(field)
  const isWhole =
    typeof limit === 'string' && typeof how === 'string' && (verdict === 'enforced' || verdict === 'refused')
  if (!isWhole || (measured !== undefined && typeof measured !== 'number')) throw new Error(`Not an effect: ${line}`)
  return { limit, verdict, how, ...(measured === undefined ? {} : { measured }) }
}

/** The page: a table of verdicts, and of each limit what was seen or why it is refused. */
export function renderLimits(effects: EffectsByStage, kernel: string): string {
  const limits = limitsOf(effects)
  const rows = limits.map((limit) => [code(limit), ...COLUMNS.map(([stage]) => verdictOf(effects, stage, limit))])
  const head = ['limit', ...COLUMNS.map(([, title]) => title)]
  const details = limits.map((limit) => `### ${limit}\n\n${detailsOf(effects, limit)}`)
  const seen = `\n## What was seen\n\nThe last run was on ${code(kernel)}. A figure is what was measured, divided by what was asked for.\n`
  return [HEAD, table(head, rows), seen, ...details].join('\n')
}

const limitsOf = (effects: EffectsByStage): readonly string[] => [
  ...new Set(COLUMNS.flatMap(([stage]) => (effects.get(stage) ?? []).map(({ limit }) => limit))),
]

const effectsOf = (effects: EffectsByStage, stage: string, limit: string): readonly Effect[] =>
  (effects.get(stage) ?? []).filter((effect) => effect.limit === limit)

/** Empty when the limit was not tried; several verdicts, in order, when parts of it differ. */
const verdictOf = (effects: EffectsByStage, stage: string, limit: string): string =>
  [...new Set(effectsOf(effects, stage, limit).map(({ verdict }) => verdict))].sort().join(', ')

function detailsOf(effects: EffectsByStage, limit: string): string {
  const titles = new Map<string, string[]>()
  for (const [stage, title] of COLUMNS) {
    for (const { verdict, how, measured } of effectsOf(effects, stage, limit)) {
      // Figures are of one stage; words are often the same in all.
      const text = `${verdict}: ${how}${measured === undefined ? '' : ` (${measured.toFixed(3)})`}`
      titles.set(text, [...(titles.get(text) ?? []), title])
    }
  }
  return [...titles].map(([text, where]) => `- ${where.join('; ')}: ${escape(text)}\n`).join('')
}

// Messages hold names of files and of the kernel, whose marks Markdown would take for its own.
const escape = (text: string): string => text.replaceAll('\n', ' ').replace(/[\\`*_<>[\]|]/g, '\\$&')

/** How the verdicts of a run differ from those of the page, as problems; figures and words may differ. */
export function compareLimits(page: string, effects: EffectsByStage): readonly string[] {
  const written = verdictsOf(page)
  const limits = [...new Set([...written.keys(), ...limitsOf(effects)])]
  return limits.flatMap((limit) =>
    COLUMNS.flatMap(([stage, title], column) => {
      const said = written.get(limit)?.[column] ?? ''
      const seen = verdictOf(effects, stage, limit)
      const name = (verdict: string): string => (verdict === '' ? 'not tried' : verdict)
      return said === seen ? [] : [`docs/limits.md: ${limit} on ${title} is ${name(said)}, the tests say ${name(seen)}`]
    }),
  )
}

/** Rows of the table: the verdicts by column. */
function verdictsOf(page: string): ReadonlyMap<string, readonly string[]> {
  const rows = page.split('\n').flatMap((line) => {
    const cells = line.split('|').map((cell) => cell.trim())
    const limit = /^`(.+)`$/.exec(cells[1] ?? '')?.[1]
    return limit === undefined ? [] : ([[limit, cells.slice(2, -1)]] as const)
  })
  return new Map(rows)
}
