/** Asking the registry: what it has, overlaid with what memory knows better, each answer within a limit. */
import { readdir, rm } from 'node:fs/promises'
import path from 'node:path'
import type { Entry } from '../machines/events.ts'
import { within } from './deferred.ts'
import { messageOf, ReeveError } from './errors.ts'
import { logFileOf } from './home.ts'
import { removeFolder } from './process/remove-folder.ts'
import { type AgentRecord, newestFirst } from './registry/record.ts'
import type { Registry } from './registry/registry.ts'
import type { Runtime } from './runtime.ts'

/** A registry that takes longer to answer is not available. */
const ANSWER_LIMIT_MS = 5_000

export const notFound = (idOrName: string): ReeveError =>
  new ReeveError('agent_not_found', `no agent has the id or name ${JSON.stringify(idOrName)}`)

/** @throws ReeveError `registry_unavailable`, or what the registry itself says with a code */
export async function askRegistry<T>(
  { registry, clock }: Pick<Runtime, 'registry' | 'clock'>,
  ask: (registry: Registry) => Promise<T>,
): Promise<T> {
  const answers: T[] = []
  try {
    const asking = ask(registry).then((answer) => answers.push(answer))
    if (await within(asking, ANSWER_LIMIT_MS, clock)) return answers[0] as T
  } catch (cause) {
    if (cause instanceof ReeveError) throw cause
    throw new ReeveError('registry_unavailable', `the registry failed: ${messageOf(cause)}`, { cause })
  }
  throw new ReeveError('registry_unavailable', `the registry did not answer within ${ANSWER_LIMIT_MS} ms`)
}

/** All agents known, newest first. */
export async function allRecords(runtime: Runtime): Promise<AgentRecord[]> {
  const stored = await askRegistry(runtime, (registry) => registry.records())
  const byId = new Map(stored.map((record) => [record.id, record]))
  for (const seat of runtime.roster.all()) byId.set(seat.plan.id, runtime.recordOf(seat))
  return newestFirst([...byId.values()])
}

/** Every entry of one agent, with those that the registry has not taken yet. */
export async function historyOf(runtime: Runtime, id: string): Promise<Entry[]> {
  const queued = await runtime.journal.queued(id)
  const stored = await askRegistry(runtime, (registry) => registry.history(id))
  const key = (entry: Entry) => `${entry.supervisorId}:${entry.seq}`
  const had = new Set(stored.map(key))
  return [...stored, ...queued.filter((entry) => !had.has(key(entry)))]
}

/** A record, or entries whose record was removed before. */
async function isStored(runtime: Runtime, id: string): Promise<boolean> {
  const records = await askRegistry(runtime, (registry) => registry.records({ id }))
  return records.length > 0 || (await askRegistry(runtime, (registry) => registry.history(id))).length > 0
}

/** Takes an ended agent out of the registry, once that has everything of it. Meanwhile nothing begins under its id. */
export async function removeAgent(runtime: Runtime, id: string, history: boolean): Promise<void> {
  const { roster, journal, home } = runtime
  const seat = roster.find(id)
  if (seat && !seat.ended) {
    const message = `${seat.plan.name} is ${seat.record.state}: stop it first`
    throw new ReeveError('agent_running', message, { agentId: seat.plan.id })
  }
  const agentId = seat?.plan.id ?? id
  if (roster.removing.has(agentId)) throw notFound(id)
  roster.removing.add(agentId)
  const done = () => void roster.removing.delete(agentId)
  try {
    if (!seat && !(await isStored(runtime, id))) throw notFound(id)
    await askRegistry(runtime, () => journal.committed())
  } catch (cause) {
    done()
    throw cause
  }
  let removed: Promise<void> | undefined
  const removing = askRegistry(runtime, (registry) => {
    removed = registry.remove(agentId, { history })
    return removed
  })
  try {
    await removing
    if (seat) roster.forget(seat)
    if (history) await rm(logFileOf(home, agentId), { force: true })
    await removeLeftFolders(runtime, agentId)
  } finally {
    // One that is slow may still do it, later than anybody waits: until then the id is not free.
    void Promise.resolve(removed).then(done, done)
  }
}

/** What `cleanup: false` left of its lives, for a look: with its record it goes. */
async function removeLeftFolders({ home }: Runtime, agentId: string): Promise<void> {
  const never = new AbortController().signal
  for (const name of await readdir(home.tmp))
    if (name.startsWith(`${agentId}.`)) await removeFolder(path.join(home.tmp, name), never)
}
