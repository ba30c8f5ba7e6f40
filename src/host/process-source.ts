import type { Caller } from '../process/caller.ts'
import { readCgroupFactsFrom } from './cgroup-facts.ts'
import type { CgroupFacts, HostFacts } from './facts.ts'
import { fetchAnswers } from './fetch-answers.ts'
import { readHostFacts } from './probe.ts'
import { QuestionRecorder } from './question-recorder.ts'
import { type HostSource, machineSource } from './source.ts'

/** More than any host needs: each round asks what the answers of the one before made the probe want to know. */
const MOST_ROUNDS = 64

/**
 * The cgroup hierarchies as another process may use them: with its mounts, its root, its rights and its own group.
 * @throws UnsupportedError where it sees no procfs; StateError, AgentError, TimeoutError of the process
 */
export const readCgroupFacts = (caller: Caller): Promise<CgroupFacts> => readThrough(caller, readCgroupFactsFrom)

/**
 * What another process can do, as `readHostFacts` tells of this one.
 * @throws UnsupportedError where it sees no procfs; StateError, AgentError, TimeoutError of the process
 */
export const readHostFactsOf = (caller: Caller): Promise<HostFacts> => readThrough(caller, readHostFacts)

/**
 * Lets a probe, which reads at once, read what another process sees: it runs on what is known, all that it missed is fetched by one
 * program in that process, and it runs again, until it misses nothing.
 */
async function readThrough<T>(caller: Caller, probe: (source: HostSource) => T): Promise<T> {
  const recorder = new QuestionRecorder((name) => caller.getenv(name), findOwner)
  for (let round = 0; ; round++) {
    const outcome = attempt(() => structuredClone(probe(recorder.source)))
    const missed = recorder.takeMissed()
    if (missed.length === 0 || round === MOST_ROUNDS) {
      if ('error' in outcome) throw outcome.error
      return outcome.value
    }
    recorder.learn(await fetchAnswers(caller, missed))
  }
}

/** All processes that are made here descend from this one, whose number means something in its own pid namespace only. */
function findOwner(source: HostSource): number | undefined {
  const path = '/proc/self/ns/pid'
  const namespace = source.entry(path)?.target
  return namespace !== undefined && namespace === machineSource.entry(path)?.target ? process.pid : undefined
}

/** What fails for want of answers may go through when they are there. */
function attempt<T>(run: () => T): { readonly value: T } | { readonly error: unknown } {
  try {
    return { value: run() }
  } catch (error) {
    return { error }
  }
}
