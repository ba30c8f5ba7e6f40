import type { Config } from '../../bundle/spec.ts'
import { SyncAgent } from '../../kernel/agent.ts'
import type { Context } from '../context.ts'
import { type StateFacts, stateText } from './hook-state.ts'
import { runHooksAnyway } from './hooks.ts'

/** Runs the hooks of the end, when all else of a container is gone (runtime.md#lifecycle); those that fail are told. */
export function runPoststop(
  { kernel, log }: Pick<Context, 'kernel' | 'log'>,
  { hooks, ociVersion }: Pick<Config, 'hooks' | 'ociVersion'>,
  facts: StateFacts,
): void {
  if (!hooks?.poststop) return
  const place = SyncAgent.start(kernel)
  const state = stateText(facts, 'stopped', ociVersion)
  runHooksAnyway(hooks, 'poststop', { kernel, place, state }, (text) => log.warn(text))
  place.end()
}
