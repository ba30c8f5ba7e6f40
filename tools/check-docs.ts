import { existsSync, readFileSync, statSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import type { Gate, Outcome } from './gate.ts'
import { isGenerated, projectFiles, ROOT } from './project-files.ts'

const TOP_FOLDERS = ['agent', 'addon', 'tools', 'test', 'bench', 'examples', 'npm']

/** What the README of a folder says, each as a phrase in it. */
const PARTS = ['owns', 'must not', 'depends on', 'start reading at']

/** A link or an image of a Markdown text. */
export interface Link {
  readonly target: string
  readonly line: number
}

/** Links of a Markdown text, not those in code. */
export function linksOf(markdown: string): readonly Link[] {
  const lines = withoutCode(markdown).split('\n')
  return lines.flatMap((text, index) => {
    const inline = [...text.matchAll(/\]\(\s*<?([^)\s>]+)>?(?:\s+"[^"]*")?\s*\)/g)]
    const references = [...text.matchAll(/^\s*\[[^\]]+\]:\s*(\S+)/g)]
    return [...inline, ...references].map((match) => ({ target: match[1] ?? '', line: index + 1 }))
  })
}

/** Anchors that a Markdown text offers: its headings, spelled as GitHub does. */
export function anchorsOf(markdown: string): ReadonlySet<string> {
  const anchors = new Set<string>()
  for (const line of fencesBlanked(markdown).split('\n')) {
    const heading = /^#{1,6}\s+(.*?)\s*#*$/.exec(line)?.[1]
    if (heading !== undefined) anchors.add(slugOf(heading))
    for (const match of line.matchAll(/<a\s+(?:id|name)="([^"]+)"/g)) anchors.add(match[1] ?? '')
  }
  return anchors
}

function slugOf(heading: string): string {
  const text = heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1').replaceAll('`', '')
  return text
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\s_-]/gu, '')
    .replaceAll(' ', '-')
}

function withoutCode(markdown: string): string {
  return fencesBlanked(markdown).replace(/`[^`\n]*`/g, '')
}

function fencesBlanked(markdown: string): string {
  return markdown.replace(/^\s*(```+|~~~+)[^]*?^\s*\1/gm, (fence) => fence.replace(/[^\n]/g, ''))
}

/** Relative links of Markdown files, and a README in each folder that says what the folder is for. */
export const docsGate: Gate = { name: 'docs', run }

function run(): Outcome {
  const pages = projectFiles().filter((path) => path.endsWith('.md'))
  const problems: string[] = []
  let links = 0
  for (const page of pages) {
    for (const link of linksOf(readFileSync(join(ROOT, page), 'utf8'))) {
      if (/^[a-z]+:/.test(link.target)) continue
      links++
      const problem = judgeLink(page, link.target)
      if (problem !== undefined) problems.push(`${page}:${link.line}: ${problem}`)
    }
  }
  const folders = foldersThatNeedReadme()
  problems.push(...folders.flatMap(judgeReadme))
  return { counts: { pages: pages.length, 'relative links': links, folders: folders.length }, problems }
}

function judgeLink(page: string, target: string): string | undefined {
  const [path = '', anchor] = target.split('#')
  const file = path === '' ? page : normalize(join(dirname(page), decodeURIComponent(path)))
  const full = join(ROOT, file)
  if (file.startsWith('..')) return `"${target}" leads out of the repository`
  if (!existsSync(full)) return `"${target}" leads nowhere`
  if (anchor === undefined || !file.endsWith('.md') || !statSync(full).isFile()) return undefined
  return anchorsOf(readFileSync(full, 'utf8')).has(anchor) ? undefined : `"${target}": no such heading in ${file}`
}

function foldersThatNeedReadme(): readonly string[] {
  const folders = new Set<string>(TOP_FOLDERS)
  for (const path of ['src', ...TOP_FOLDERS].flatMap((folder) => projectFiles(folder))) {
    const [top = '', below = '', ...rest] = path.split('/')
    if (rest.length > 0 && /\.(?:ts|c|mjs)$/.test(path) && !isGenerated(path)) folders.add(join(top, below))
  }
  return [...folders].sort()
}

function judgeReadme(folder: string): readonly string[] {
  const path = join(ROOT, folder, 'README.md')
  if (!existsSync(path)) return [`${folder}/README.md is missing: say ${PARTS.join(', ')}`]
  const text = readFileSync(path, 'utf8').toLowerCase()
  const missing = PARTS.filter((part) => !text.includes(part))
  return missing.map((part) => `${folder}/README.md does not say "${part}"`)
}
