import { buildGate } from './check-build.ts'
import { cStyleGate } from './check-c-style.ts'
import { docsGate } from './check-docs.ts'
import { filesGate } from './check-files.ts'
import { formatGate } from './check-format.ts'
import { generatedGate } from './check-generated.ts'
import { layersGate } from './check-layers.ts'
import { lintGate } from './check-lint.ts'
import { manifestsGate } from './check-manifests.ts'
import { typesGate } from './check-types.ts'
import { unitGate } from './check-unit.ts'
import type { Gate } from './gate.ts'
import type { TestRun } from './test-run.ts'

/** All parts of the fast gate, in the order in which they run: the quickest answers first. */
export function allGates(options: { readonly picture?: boolean; readonly onUnitRun?: (run: TestRun) => void }): Gate[] {
  return [
    filesGate,
    cStyleGate,
    docsGate,
    manifestsGate,
    layersGate(options.picture ?? false),
    generatedGate,
    formatGate,
    buildGate,
    typesGate,
    lintGate,
    unitGate(options.onUnitRun),
  ]
}
