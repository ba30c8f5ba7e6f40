import type { CommandName, Given } from './command-line/definitions.ts'
import type { ParsedCommand } from './command-line/parse-command-line.ts'
import type { Context } from './context.ts'

/** What a command answers with: its exit code, 0 when it says none. */
type Outcome = number | void

type Loader<N extends CommandName> = (context: Context, given: Given<N>) => Promise<Outcome>

/** Each command in a module of its own, of which one is loaded: what a command does not need costs it nothing. */
const LOADERS: { readonly [N in CommandName]: Loader<N> } = {
  create: async (context, given) => (await import('./commands/create.ts')).run(context, given),
  start: async (context, given) => (await import('./commands/start.ts')).run(context, given),
  run: async (context, given) => (await import('./commands/run.ts')).run(context, given),
  exec: async (context, given) => (await import('./commands/exec.ts')).run(context, given),
  kill: async (context, given) => (await import('./commands/kill.ts')).run(context, given),
  delete: async (context, given) => (await import('./commands/delete.ts')).run(context, given),
  pause: async (context, given) => (await import('./commands/pause.ts')).run(context, given),
  resume: async (context, given) => (await import('./commands/resume.ts')).run(context, given),
  state: async (context, given) => (await import('./commands/state.ts')).run(context, given),
  list: async (context, given) => (await import('./commands/list.ts')).run(context, given),
  ps: async (context, given) => (await import('./commands/ps.ts')).run(context, given),
  events: async (context, given) => (await import('./commands/events.ts')).run(context, given),
  update: async (context, given) => (await import('./commands/update.ts')).run(context, given),
  checkpoint: async (context, given) => (await import('./commands/checkpoint.ts')).run(context, given),
  restore: async (context, given) => (await import('./commands/restore.ts')).run(context, given),
  spec: async (context, given) => (await import('./commands/spec.ts')).run(context, given),
  features: async (context) => (await import('./commands/features.ts')).run(context),
  completion: async (context, given) => (await import('./commands/completion.ts')).run(context, given),
  help: async (context, given) => (await import('./commands/help.ts')).run(context, given),
}

/** Loads a command and runs it; its exit code. */
export async function runCommand(context: Context, { name, given }: ParsedCommand): Promise<number> {
  const load = LOADERS[name] as (context: Context, given: unknown) => Promise<Outcome>
  return (await load(context, given)) ?? 0
}
