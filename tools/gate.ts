/** What a check saw: how much of what, and what is wrong. */
export interface Outcome {
  /** Number of things checked, by what they are; a zero fails the check, because it then passed by seeing nothing */
  readonly counts: Readonly<Record<string, number>>
  /** One text per fault, `path:line: what, and the command that mends it` */
  readonly problems: readonly string[]
  /** Printed also when all is well */
  readonly notes?: readonly string[]
}

/** One check of `npm run ok`. */
export interface Gate {
  readonly name: string
  readonly run: () => Outcome | Promise<Outcome>
}

/** Runs the gates in turn, prints one line for each and their problems; true when all passed. */
export async function runGates(gates: readonly Gate[]): Promise<boolean> {
  let passed = gates.length > 0
  for (const gate of gates) {
    const begin = performance.now()
    const outcome = await gate.run()
    const problems = [...outcome.problems, ...zeroCounts(outcome)]
    const counts = Object.entries(outcome.counts).map(([what, count]) => `${count} ${what}`)
    const seconds = ((performance.now() - begin) / 1000).toFixed(1)
    console.log(
      `${problems.length === 0 ? 'ok  ' : 'FAIL'} ${gate.name.padEnd(10)} ${counts.join(', ')} (${seconds} s)`,
    )
    for (const note of outcome.notes ?? []) console.log(indent(note))
    for (const problem of problems) console.log(indent(problem))
    if (problems.length > 0) passed = false
  }
  return passed
}

function zeroCounts(outcome: Outcome): readonly string[] {
  const entries = Object.entries(outcome.counts)
  if (entries.length === 0) return ['Checked nothing']
  return entries.filter(([, count]) => !(count > 0)).map(([what]) => `Checked 0 ${what}: the check sees nothing`)
}

function indent(text: string): string {
  return text.trimEnd().replace(/^/gm, '       ')
}
