import type { Param } from './call.ts'
import { pushRaw, rawParam } from './params.ts'

/** The value of fsconfig(2): text for SET_STRING, a path for SET_PATH, bytes for SET_BINARY, null for flags and commands. */
export const fsconfigValue: Param = {
  ...rawParam,
  name: 'value',
  type: 'PathArg | null',
  ref: 'never',
  encode: (value, to, call) => pushRaw(value, to, `${call}.value`),
  print: (value) => (value === undefined || value === null ? 'NULL' : rawParam.print(value)),
}
