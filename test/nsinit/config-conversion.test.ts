import assert from 'node:assert/strict'
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { Ajv } from 'ajv'
import { parseConfig } from '../../src/bundle/config/parse-config.ts'
import { formatContainerJson } from '../../src/nsinit/container-json/format-container-json.ts'
import { parseContainerJson } from '../../src/nsinit/container-json/parse-container-json.ts'
import { writeJson } from '../../src/nsinit/container-json/write-json.ts'
import { fromOci } from '../../src/nsinit/convert/from-oci.ts'
import { toOci } from '../../src/nsinit/convert/to-oci.ts'
import { REPOSITORY } from '../support/repository.ts'
import { randomDocument } from './random-container.ts'

const SAMPLES = join(REPOSITORY, 'examples/nsinit')
const SCHEMAS = join(REPOSITORY, 'test/oci/schema')
const OCI_FIXTURES = join(REPOSITORY, 'test/oci/fixtures')
const samples = readdirSync(SAMPLES).filter((name) => name.endsWith('.json'))
const RANDOM = 400

/** What is wrong with a document by the specification's JSON schema, whose draft has nothing that later ones changed. */
function schemaErrors(): (document: unknown) => unknown {
  const ajv = new Ajv({ strict: false })
  for (const file of readdirSync(SCHEMAS).filter((each) => each.endsWith('.json'))) {
    const { $schema: _draft, ...rest } = JSON.parse(readFileSync(join(SCHEMAS, file), 'utf8')) as Record<
      string,
      unknown
    >
    ajv.addSchema(rest, file)
  }
  const validate = ajv.getSchema('config-schema.json')
  assert.ok(validate)
  return (document) => (validate(document) === true ? [] : validate.errors)
}

const errorsOf = schemaErrors()
const facts = { arch: 'x64', args: ['sh', '-c', 'true'], user: { uid: 7, gid: 8, groups: [4, 9] } } as const
const read = (name: string) => parseContainerJson(readFileSync(join(SAMPLES, name), 'utf8'))

test('L02, L11, L17, L18, L19, D-L19: the sample of 2014 loads as its own test had it, with what was wrong in it made right', () => {
  const config = read('sample.json')
  const has = (type: string): boolean => config.namespaces.some((each) => each.type === type)
  assert.equal(config.hostname, 'koye')
  assert.equal(config.tty, true)
  assert.deepEqual([has('NEWNET'), has('NEWUSER')], [true, false])
  const kept = (name: 'MKNOD' | 'SYS_ADMIN' | 'SYS_CHROOT'): boolean => config.capabilities.includes(`CAP_${name}`)
  assert.deepEqual([kept('MKNOD'), kept('SYS_ADMIN'), kept('SYS_CHROOT')], [true, false, false])
  assert.ok(config.environment.some((entry) => entry.startsWith('PATH=/')))
  assert.deepEqual(config.networks[0], { type: 'loopback', address: '127.0.0.1/8', mtu: 1500 })
  assert.deepEqual([config.cgroups.parent, config.cgroups.name], ['docker', 'docker-koye'])
})

test('L02, L11, L18, L19, L20, L21, L23: every sample is a configuration of OCI by the schema and by parseConfig(), and comes back', () => {
  assert.ok(samples.length >= 8)
  for (const name of samples) {
    const config = read(name)
    const text = writeJson(toOci(config, facts))
    assert.deepEqual(errorsOf(JSON.parse(text)), [], name)
    const oci = parseConfig(text)
    assert.deepEqual(oci.warnings, [], name)
    assert.deepEqual(fromOci(oci.config, facts), { config, notes: [] }, name)
  }
})

test(`fromOci(toOci(x)) and parseContainerJson(formatContainerJson(x)) are x for ${RANDOM} configurations with any fields`, () => {
  for (let seed = 0; seed < RANDOM; seed++) {
    const given = writeJson(randomDocument(seed))
    const config = parseContainerJson(given)
    assert.deepEqual(parseContainerJson(formatContainerJson(config)), config, `seed ${seed}: ${given}`)
    const oci = parseConfig(writeJson(toOci(config, facts)))
    assert.deepEqual(oci.warnings, [], `seed ${seed}: ${given}`)
    assert.deepEqual(fromOci(oci.config, facts), { config, notes: [] }, `seed ${seed}: ${given}`)
  }
})

test('toOci() of any fields is right by the JSON schema', () => {
  for (let seed = 0; seed < RANDOM / 4; seed++) {
    const config = parseContainerJson(writeJson(randomDocument(seed)))
    // A number beyond 2^53 is right for the schema as it stands in the text, which JavaScript rounds.
    const document = JSON.parse(
      writeJson({ ...toOci(config, facts), process: { ...toOci(config, facts).process, rlimits: [] } }),
    ) as unknown
    assert.deepEqual(errorsOf(document), [], `seed ${seed}`)
  }
})

for (const name of readdirSync(OCI_FIXTURES).filter((each) => each.endsWith('-config.json'))) {
  test(`fromOci() names what container.json cannot say of ${name}, and what it makes is complete without that`, () => {
    const oci = parseConfig(readFileSync(join(OCI_FIXTURES, name), 'utf8')).config
    const { config, notes } = fromOci(oci, facts)
    assert.ok(notes.length > 0)
    for (const note of notes) assert.match(note, /^\/\S+ /)
    // What is left of it loses nothing on the way back.
    const again = toOci(config, { ...facts, args: oci.process?.args ?? [], user: { uid: 0, gid: 0, groups: [] } })
    assert.deepEqual(fromOci(again, facts).config, config)
  })
}
