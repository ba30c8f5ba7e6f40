import assert from 'node:assert/strict'
import { readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { test } from 'node:test'
import { CASES, planText, type Case } from './plans.ts'

// The whole plan of typical sandboxes, as `carrel explain` prints it, kept to be read and compared: a change of what is done on a
// host shows as a change of these files.

const UPDATE = 'UPDATE_GOLDEN=1 node --import tsx --test test/golden/plans.test.ts'
const updates = process.env['UPDATE_GOLDEN'] === '1'

const pathOf = ({ name }: Case): string => join(import.meta.dirname, `${name}.md`)

function documentOf(each: Case): string {
  const { title, host, options, command } = each
  const words = JSON.stringify({ options, command })
  return `# ${title}\n\nHost: \`${host}\` of \`test/host/recorded-hosts.ts\`. Written by \`${UPDATE}\`.\n\n\`\`\`text\n${words}\n\`\`\`\n\n\`\`\`strace\n${planText(each)}\n\`\`\`\n`
}

/** The first lines that differ, with those before them. */
function firstDifference(expected: string, actual: string): string {
  const [old, now] = [expected.split('\n'), actual.split('\n')]
  const at = now.findIndex((line, index) => line !== old[index])
  const line = at < 0 ? now.length : at
  const show = (mark: string, lines: readonly string[]): string[] =>
    lines.slice(line, line + 8).map((each) => `${mark} ${each}`)
  return [
    `line ${line + 1}:`,
    ...old.slice(Math.max(0, line - 4), line).map((each) => `  ${each}`),
    ...show('-', old),
    ...show('+', now),
  ].join('\n')
}

for (const each of CASES) {
  test(`explainPlan() of ${each.name} is the text kept`, () => {
    const actual = documentOf(each)
    if (updates) writeFileSync(pathOf(each), actual)
    const expected = readFileSync(pathOf(each), 'utf8')
    if (actual !== expected)
      assert.fail(
        `The plan differs from ${each.name}.md; if that is meant: ${UPDATE}\n${firstDifference(expected, actual)}`,
      )
  })
}

test('every kept plan is one of a case', () => {
  const kept = readdirSync(import.meta.dirname).filter((name) => name.endsWith('.md') && name !== 'README.md')
  assert.deepEqual(kept.sort(), CASES.map(({ name }) => `${name}.md`).sort())
})

test('planSandbox() gives the same plan every time', () => {
  for (const each of CASES) assert.equal(planText(each), planText(each))
})

test('a plan with rules for devices on cgroup v2 shows the program that the kernel runs for each access', () => {
  const devices = [{ allow: false }, { allow: true, type: 'c', major: 1, minor: 3, access: 'rw' }] as const
  const base = CASES.find(({ host }) => host === 'v2SystemdRoot') ?? assert.fail('no host with v2')
  const text = planText({ ...base, options: { resources: { devices } } })
  assert.match(
    text,
    /\n== BPF program of its group: which devices may be used \(\d+ instructions\)\n {3}0: \(61\) r2 = /,
  )
  assert.match(text, /\n; c 1:3 rw\n/)
  assert.doesNotMatch(planText(base), /BPF program of its group/)
})
