import type { Resources } from '../../features/cgroups/resources.ts'
import type { Config, Process } from '../spec.ts'
import { checkConfig } from './check-config.ts'
import { checkLinuxResources } from './check-linux-resources.ts'
import { checkProcess } from './check-process.ts'
import { type Findings, newFindings } from './fields.ts'
import { knownCapabilities } from './known-capabilities.ts'
import { parseJson } from './parse-json.ts'

/**
 * Reads the text of a `config.json` and checks all of it.
 * @returns the document, and sentences about what is ignored
 * @throws InvalidInputError whose message begins with the JSON pointer of what is wrong
 */
export function parseConfig(text: string): { config: Config; warnings: readonly string[] } {
  const findings = newFindings()
  const value = parseJson(text, 'config.json')
  const resources = checkConfig(value, findings)
  const config = value as Config
  return {
    config: {
      ...config,
      ...(config.process && { process: knownCapabilities(config.process) }),
      ...(resources && { linux: { ...config.linux, resources } }),
    },
    warnings: warningsOf(findings),
  }
}

/** Reads the document of `exec --process`, one `process` object. @throws InvalidInputError as `parseConfig` */
export function parseProcess(text: string): { process: Process; warnings: readonly string[] } {
  const findings = newFindings()
  const value = parseJson(text, 'The process document')
  checkProcess(value, '', findings)
  return { process: knownCapabilities(value as Process), warnings: warningsOf(findings) }
}

/** Reads the document of `update --resources`, one `linux.resources` object. @throws InvalidInputError as `parseConfig` */
export function parseResources(text: string): { resources: Resources; warnings: readonly string[] } {
  const findings = newFindings()
  const value = parseJson(text, 'The resources document')
  const resources = checkLinuxResources(value, '', findings, { live: true })
  return { resources, warnings: warningsOf(findings) }
}

/** Unknown properties must be ignored (config.md#extensibility); one warning names them all. */
function warningsOf({ unknown, warnings }: Findings): readonly string[] {
  return unknown.length === 0 ? warnings : [`Unknown properties are ignored: ${unknown.join(', ')}`, ...warnings]
}
