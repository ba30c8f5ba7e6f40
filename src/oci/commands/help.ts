import type { Given } from '../command-line/definitions.ts'
import { commandNamed } from '../command-line/parse-command-line.ts'
import { renderCommandHelp, renderHelp } from '../command-line/render-help.ts'
import type { Context } from '../context.ts'
import { print } from '../print.ts'

/** `help [COMMAND]`, `--help` */
export function run({ kernel }: Pick<Context, 'kernel'>, { command }: Pick<Given<'help'>, 'command'>): void {
  print(kernel, command === undefined ? renderHelp() : renderCommandHelp(commandNamed(command)))
}
