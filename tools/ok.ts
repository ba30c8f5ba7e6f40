import { parseArgs } from 'node:util'
import { runGates } from './gate.ts'
import { allGates } from './gates.ts'

// `npm run ok` runs the whole fast gate, `npm run check:NAME` one part: ok.ts [--picture] [NAME…]
const { values, positionals } = parseArgs({ options: { picture: { type: 'boolean' } }, allowPositionals: true })
const gates = allGates({ picture: values.picture ?? false })
const unknown = positionals.filter((name) => !gates.some((gate) => gate.name === name))
if (unknown.length > 0) {
  throw new Error(`No check "${unknown.join('", "')}"; there are ${gates.map((gate) => gate.name).join(', ')}`)
}
const wanted = gates.filter((gate) => positionals.length === 0 || positionals.includes(gate.name))
process.exitCode = (await runGates(wanted)) ? 0 : 1
