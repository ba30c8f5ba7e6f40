import assert from 'node:assert/strict'
import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { REPOSITORY } from '../support/repository.ts'
import type { Room } from './room.ts'

/** A block of code in docs/engines.md. */
export interface CodeBlock {
  /** Heading of its section */
  readonly section: string
  readonly language: string
  /** Path of the file that the text before it names last, if it names one */
  readonly file?: string
  readonly code: string
}

/** All blocks of code of docs/engines.md, in their order. */
export function codeBlocks(): readonly CodeBlock[] {
  const page = readFileSync(join(REPOSITORY, 'docs/engines.md'), 'utf8')
  const sections = page.replace(/^# /, '').split(/^## /m)
  return sections.flatMap((section) => {
    const pieces = [...section.matchAll(/((?:(?!^```)[^])*?)^```(\w+)\n([^]*?)^```$/gm)]
    return pieces.map(([, before = '', language = '', code = '']) => {
      const file = [...before.matchAll(/`(\/etc\/[^`\s]+)`/g)].at(-1)?.[1]
      const heading = section.slice(0, section.indexOf('\n'))
      return { section: heading, language, code, ...(file === undefined ? {} : { file }) }
    })
  })
}

/** The block for this file, which must be the only one. */
export function blockFor(file: string): CodeBlock {
  const [block, ...more] = codeBlocks().filter((each) => each.file === file)
  assert.ok(block && more.length === 0, `docs/engines.md must have one block for ${file}`)
  return block
}

/** Gives an engine of the room its configuration, word for word, at the place that the page names. */
export function configure(room: Room, file: string): void {
  const to = room.path(file)
  mkdirSync(dirname(to), { recursive: true })
  writeFileSync(to, blockFor(file).code)
}

/** The block in this language that holds this line, which must be the only one. */
export function blockOf(language: string, line: string): CodeBlock {
  const [block, ...more] = codeBlocks().filter(
    (each) => each.language === language && each.code.split('\n').some((text) => text.trim() === line),
  )
  assert.ok(block && more.length === 0, `docs/engines.md must have one ${language} block with ${line}`)
  return block
}
