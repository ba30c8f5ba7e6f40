import { parseConfig } from '../../src/bundle/config/parse-config.ts'
import { currentKernel } from '../../src/kernel/current.ts'
import { readText } from '../../src/kernel/files.ts'
import { explainBundle } from '../../src/oci/lifecycle/explain-bundle.ts'
import { print } from '../../src/oci/print.ts'
import { explainProgram } from '../../src/plan/explain.ts'
import { FULL_CONFIG } from './full-config.ts'
import { mutations } from './mutations.ts'

// Prints what the runtime says to configurations with one place changed, and what it plans for the bundles that its words name:
// test/oci/engine.test.ts has both engines do it.

function answerTo(text: string): string {
  try {
    return parseConfig(text).warnings.join()
  } catch (error) {
    return String(error)
  }
}

async function main(): Promise<never> {
  const kernel = await currentKernel()
  const lines: string[] = []
  const documents = [
    FULL_CONFIG,
    ...kernel.words.map((path) => JSON.parse(readText(kernel, `${path}/config.json`) ?? '') as object),
  ]
  for (const { pointer, document } of mutations(documents))
    lines.push(`${pointer}: ${answerTo(JSON.stringify(document))}`)
  for (const path of kernel.words) {
    const programs = await explainBundle(kernel, path).catch((error: unknown) => String(error))
    if (typeof programs === 'string') lines.push(programs)
    else for (const { title, program } of programs) lines.push(explainProgram(title, program))
  }
  print(kernel, `${lines.join('\n')}\n`)
  return kernel.exit(0)
}

void main()
