// Reporter of node:test: one line of JSON per finished test (a TestRecord of test-run.ts). Suites only group and are left
// out, except skipped ones, whose tests never show. Plain JavaScript, because node loads reporters before `--import tsx`
// takes effect.
export default async function* testEvents(source) {
  for await (const { type, data } of source) {
    if (type !== 'test:pass' && type !== 'test:fail') continue
    const record = recordOf(type, data)
    if (data.details?.type !== 'suite' || record.outcome === 'skipped') yield `${JSON.stringify(record)}\n`
  }
}

function recordOf(type, data) {
  const { name, file = '' } = data
  // A test that is still to be written is no proof: it counts as skipped.
  const skip = data.skip ?? data.todo
  if (skip !== undefined && skip !== false) {
    return {
      name,
      file,
      outcome: 'skipped',
      reason: typeof skip === 'string' && skip !== '' ? skip : 'no reason given',
    }
  }
  if (type === 'test:pass') return { name, file, outcome: 'passed', reason: '' }
  const error = data.details.error?.cause ?? data.details.error
  return { name, file, outcome: 'failed', reason: String(error?.message ?? error).split('\n')[0] }
}
