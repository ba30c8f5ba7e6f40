import type { Kernel } from '../../kernel/kernel.ts'
import { print } from '../../oci/print.ts'
import { FUNCTIONS } from './functions.ts'

/** `exec --list`: the built-in functions, by name, with the words that they take. */
export function run(kernel: Kernel): void {
  for (const { usage, purpose } of Object.values(FUNCTIONS)) print(kernel, `${usage}\n    ${purpose}\n`)
}
