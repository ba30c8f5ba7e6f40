import { HOOK_KINDS } from '../spec.ts'
import { checkAbsolute, checkEach, checkTexts, checkWhole, fieldsOf, type Findings, need } from './fields.ts'

/** Longest timeout, `s`: what a C int holds, about 68 years. */
const MOST_SECONDS = 0x7fff_ffff

/** `hooks`, config.md#posix-platform-hooks. @throws InvalidInputError */
export function checkHooks(value: unknown, at: string, findings: Findings): void {
  if (value === undefined) return
  const hooks = fieldsOf(value, at, HOOK_KINDS, findings)
  for (const kind of HOOK_KINDS)
    checkEach(hooks[kind], `${at}/${kind}`, (each, where) => checkHook(each, where, findings))
}

function checkHook(value: unknown, at: string, findings: Findings): void {
  const hook = fieldsOf(value, at, ['path', 'args', 'env', 'timeout'], findings)
  need(hook, 'path', at, 'name the program')
  checkAbsolute(hook['path'], `${at}/path`)
  checkTexts(hook['args'], `${at}/args`)
  checkTexts(hook['env'], `${at}/env`)
  checkWhole(hook['timeout'], `${at}/timeout`, 1, MOST_SECONDS)
}
