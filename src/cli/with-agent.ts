import { Agent } from '../process/agent.ts'

/** Lets work be done by an agent of its own, which is gone afterwards. */
export async function withAgent<T>(work: (agent: Agent) => Promise<T>): Promise<T> {
  const agent = await Agent.start()
  try {
    return await work(agent)
  } finally {
    await agent.close()
  }
}
