import { findBinary } from './binaries.ts'
import { type Addon, loadAddon } from './addon.ts'

let loaded: Addon | undefined

/** The addon, loaded once. */
export function native(): Addon {
  loaded ??= loadAddon(findBinary('carrel.node'))
  return loaded
}

/** Starts the agent's binary as a child of this process, from a sealed memfd (CVE-2019-5736). */
export const startAgentProcess = (): { pid: number; pidfd: number; socket: number } =>
  native().start(findBinary('carrel-agent'))
