import type { Step } from './step.ts'

/** A step as lines of `strace` notation: `openat(AT_FDCWD, "/", O_PATH) = r0`. */
export function printStep(step: Step): string[] {
  const result = step.label === undefined ? '0' : step.label
  const tolerated = step.tolerated.length ? ` or ${step.tolerated.join(' ')}` : ''
  return [`${step.name}(${step.printArgs()}) = ${result}${tolerated}`, ...(step.also ?? [])]
}

/** A whole program, a line per system call. */
export function listing(steps: readonly Step[]): string {
  return steps.flatMap(printStep).join('\n')
}

/**
 * A program with its reasons: a heading per feature, the reason above the steps that share it.
 * @param about what a feature is for, said with its first heading
 */
export function explained(steps: readonly Step[], about: Readonly<Record<string, string>> = {}): string {
  const lines: string[] = []
  const said = new Set<string>()
  let feature: string | undefined
  let because: string | undefined
  steps.forEach((step, index) => {
    if (step.feature !== feature) lines.push('', headingOf(step.feature ?? 'program', about, said))
    if (step.because !== undefined && (step.because !== because || step.feature !== feature))
      lines.push(`  # ${step.because}`)
    feature = step.feature
    because = step.because
    const [first, ...also] = printStep(step)
    lines.push(`  ${String(index).padStart(3)}  ${first}`, ...also.map((line) => `       ${line}`))
  })
  return lines.slice(lines[0] === '' ? 1 : 0).join('\n')
}

function headingOf(feature: string, about: Readonly<Record<string, string>>, said: Set<string>): string {
  const text = said.has(feature) || !Object.hasOwn(about, feature) ? undefined : about[feature]
  said.add(feature)
  return text === undefined ? `[${feature}]` : `[${feature}] ${text}`
}
