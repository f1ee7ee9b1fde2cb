/** What went wrong, in the words of the command line: which name was probably meant, and the way out as it is typed. */
import type { ReeveClient } from '../client/index.ts'
import { ReeveError } from '../errors.ts'
import { nearest } from '../terminal/nearest.ts'

const NAMELESS_AGENT = /^no agent has the id or name (".*")$/
const NAMELESS_GROUP = /^no group is called (".*?")\. /

export const noSuchGroup = (path: string): ReeveError =>
  new ReeveError('group_not_found', `no group is called ${JSON.stringify(path)}. `, { field: 'group' })

/** The way out of an error is written for programs; here it is typed. */
const TYPED: Partial<Record<ReeveError['code'], readonly (readonly [said: RegExp, typed: string])[]>> = {
  lane_busy: [
    [/^lane: /, 'lane '],
    [/Wait for it \(.*$/, 'Wait for it (--on-conflict queue), or replace it: --on-conflict replace'],
  ],
  group_over: [[/Open it anew with group\("(.*)"\)/, 'Open it anew: reeve group open $1']],
  not_accepting_input: [[/Spawn it with stdin: "open"/, 'Spawn it with --stdin open']],
}

/** The error as who types it wants it: "Did you mean …?" where something was named that there is not. */
export async function inTypedWords(thrown: unknown, client: ReeveClient | undefined): Promise<unknown> {
  if (!(thrown instanceof ReeveError)) return thrown
  if (thrown.code === 'agent_not_found') return guessed(thrown, client)
  if (thrown.code === 'group_not_found') return guessedGroup(thrown, client)
  const message = (TYPED[thrown.code] ?? []).reduce(
    (text, [said, typed]) => text.replace(said, typed),
    thrown.message,
  )
  return message === thrown.message ? thrown : reworded(thrown, message)
}

const reworded = (error: ReeveError, message: string): ReeveError => {
  const { code, field, agentId, errno, record } = error
  return new ReeveError(code, message, {
    cause: error,
    ...(field !== undefined && { field }),
    ...(agentId !== undefined && { agentId }),
    ...(errno !== undefined && { errno }),
    ...(record !== undefined && { record }),
  })
}

async function guessed(thrown: ReeveError, client: ReeveClient | undefined): Promise<ReeveError> {
  const name = NAMELESS_AGENT.exec(thrown.message)?.[1]
  if (name === undefined || !client) return thrown
  const near = nearest(JSON.parse(name), await namesKnownTo(client))
  const way = near === undefined ? 'reeve ls --all lists those that are known.' : `Did you mean "${near}"?`
  return reworded(thrown, `no agent is called ${name}. ${way}`)
}

async function guessedGroup(thrown: ReeveError, client: ReeveClient | undefined): Promise<ReeveError> {
  const path = NAMELESS_GROUP.exec(thrown.message)?.[1]
  if (path === undefined) return thrown
  const near = nearest(JSON.parse(path), await groupsKnownTo(client))
  const way =
    near === undefined ? `Open it first: reeve group open ${JSON.parse(path)}` : `Did you mean "${near}"?`
  return reworded(thrown, `no group is called ${path}. ${way}`)
}

/** A guess is a courtesy: without an answer there is none. */
async function namesKnownTo(client: ReeveClient): Promise<string[]> {
  try {
    return (await client.records()).map(({ name }) => name)
  } catch {
    return []
  }
}

async function groupsKnownTo(client: ReeveClient | undefined): Promise<string[]> {
  try {
    return ((await client?.groups()) ?? []).map(({ path }) => path).filter((path) => path !== '')
  } catch {
    return []
  }
}
