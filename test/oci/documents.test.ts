import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { oci, ociOk, scratch, undoAfterTest, useOci } from '../support/oci.ts'

useOci()

function folder(): string {
  const path = scratch('folder')
  mkdirSync(path)
  undoAfterTest(() => rmSync(path, { recursive: true }))
  return path
}

type Document = Record<string, Record<string, unknown>>

const read = (path: string): Document => JSON.parse(readFileSync(join(path, 'config.json'), 'utf8')) as Document

test('spec writes a configuration, and replaces none', () => {
  const path = folder()
  ociOk(['spec'], { cwd: path })
  const text = readFileSync(join(path, 'config.json'), 'utf8')
  assert.match(text, /^\{\n {2}"ociVersion": "1\.3\.0"/)
  const { status, stderr } = oci(['spec', '--bundle', path])
  assert.equal(status, 1)
  assert.match(stderr, /config\.json exists already/)
  assert.equal(readFileSync(join(path, 'config.json'), 'utf8'), text)
})

test('spec --rootless maps the user who asks', () => {
  const path = folder()
  ociOk(['spec', '--rootless', '-b', path])
  const mapping = [{ containerID: 0, hostID: process.geteuid?.(), size: 1 }]
  assert.deepEqual(read(path)['linux']!['uidMappings'], mapping)
  const namespaces = read(path)['linux']!['namespaces'] as readonly { readonly type: string }[]
  assert.ok(namespaces.some(({ type }) => type === 'user'))
})

test('features prints the document of the specification', () => {
  const features = JSON.parse(ociOk(['features'], { global: [] }).stdout) as Document
  assert.deepEqual(features['ociVersionMax'], '1.3.0')
  assert.ok((features['mountOptions'] as unknown as string[]).includes('rbind'))
  assert.ok((features['linux']!['namespaces'] as string[]).includes('time'))
})
