/** A name that nobody has: which one was probably meant. */
import type { ReeveClient } from '../client/index.ts'
import { ReeveError } from '../errors.ts'
import { nearest } from '../terminal/nearest.ts'

const NAMELESS = /^no agent has the id or name "(.*)"$/

/** The error, with "Did you mean …?" where an agent was named that there is not. */
export async function withGuess(thrown: unknown, client: ReeveClient | undefined): Promise<unknown> {
  if (!(thrown instanceof ReeveError) || thrown.code !== 'agent_not_found' || !client) return thrown
  const name = NAMELESS.exec(thrown.message)?.[1]
  if (name === undefined) return thrown
  const near = nearest(name, await namesKnownTo(client))
  const way = near === undefined ? 'reeve ls --all lists those that are known.' : `Did you mean "${near}"?`
  return new ReeveError('agent_not_found', `no agent is called "${name}". ${way}`, { cause: thrown })
}

/** A guess is a courtesy: without an answer there is none. */
async function namesKnownTo(client: ReeveClient): Promise<string[]> {
  try {
    return (await client.records()).map(({ name }) => name)
  } catch {
    return []
  }
}
