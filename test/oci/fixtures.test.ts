import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Ajv } from 'ajv'
import { InvalidInputError } from '../../src/base/errors.ts'
import { parseConfig, parseProcess } from '../../src/bundle/config/parse-config.ts'
import { defaultConfig } from '../../src/bundle/default-config.ts'
import { featuresDocument } from '../../src/bundle/features-document.ts'
import { FULL_CONFIG } from './full-config.ts'
import { mutations } from './mutations.ts'
import { whyAccepted, whyRefused, REASONS } from './schema-differences.ts'

const FIXTURES = join(import.meta.dirname, 'fixtures')
const SCHEMAS = join(import.meta.dirname, 'schema')
const names = readdirSync(FIXTURES).filter((name) => name.endsWith('.json'))
const textOf = (name: string): string => readFileSync(join(FIXTURES, name), 'utf8')

/** The specification's schemas; their `$schema` is draft 4, of which they use nothing that later drafts changed. */
function schema(name: string): (document: unknown) => boolean {
  const ajv = new Ajv({ strict: false })
  for (const file of readdirSync(SCHEMAS).filter((each) => each.endsWith('.json'))) {
    const { $schema: _draft, ...rest } = JSON.parse(readFileSync(join(SCHEMAS, file), 'utf8')) as Record<
      string,
      unknown
    >
    ajv.addSchema(rest, file)
  }
  const validate = ajv.getSchema(name)
  assert.ok(validate, name)
  return (document) => validate(document) === true
}

const isConfig = schema('config-schema.json')

/** The message about what is wrong with a configuration, or undefined. */
function refusal(text: string): string | undefined {
  try {
    parseConfig(text)
    return undefined
  } catch (error) {
    if (error instanceof InvalidInputError) return error.message
    throw error
  }
}

for (const name of names) {
  test(`X30: parseConfig() takes ${name} as an engine wrote it, without a warning`, () => {
    const text = textOf(name)
    const { warnings } = name.endsWith('-process.json') ? parseProcess(text) : parseConfig(text)
    assert.deepEqual(warnings, [])
  })
}

test('parseConfig() takes a configuration that has every property, as the schema does', () => {
  assert.equal(refusal(JSON.stringify(FULL_CONFIG)), undefined)
  assert.ok(isConfig(FULL_CONFIG))
})

test('parseConfig() refuses whatever the JSON schema refuses, and more only for reasons that have names', () => {
  const found = new Set<string>()
  const configs = [
    FULL_CONFIG,
    ...names.filter((name) => !name.endsWith('-process.json')).map((name) => JSON.parse(textOf(name)) as object),
  ]
  let count = 0
  for (const { pointer, document } of mutations(configs)) {
    count++
    const text = JSON.stringify(document)
    const refused = refusal(text)
    const valid = isConfig(JSON.parse(text))
    if ((refused === undefined) === valid) continue
    const reason = refused === undefined ? whyAccepted(pointer) : whyRefused(refused)
    assert.ok(reason, `${pointer}: ${refused === undefined ? 'only the schema refuses' : `only we refuse: ${refused}`}`)
    found.add(reason)
  }
  assert.ok(count > 2000, `${count} documents`)
  assert.deepEqual([...found].sort(), [...REASONS].sort(), 'reasons that are listed and do not occur')
})

test('the documents that the runtime itself writes are right by the schemas', () => {
  const isFeatures = schema('features-schema.json')
  for (const arch of ['x64', 'arm64'] as const) {
    assert.ok(isFeatures(JSON.parse(JSON.stringify(featuresDocument({ arch, version: '0.1.0' })))))
    assert.ok(isConfig(JSON.parse(JSON.stringify(defaultConfig({ arch })))))
    assert.ok(isConfig(JSON.parse(JSON.stringify(defaultConfig({ arch, rootless: { uid: 1000, gid: 1000 } })))))
  }
})
