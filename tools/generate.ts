import { generatedGate, writeGenerated } from './check-generated.ts'
import { runGates } from './gate.ts'
import { GENERATORS } from './generators.ts'

// Writes the generated files; with --check it only compares them.
if (process.argv.includes('--check')) process.exitCode = (await runGates([generatedGate])) ? 0 : 1
else writeGenerated(GENERATORS)
