/** Reeve's own page: the agents; of the chosen one its machine, live, and its entries as a timeline. */
import { type Entry, isEnd, isNote } from '../../../machines/events.ts'
import { type AgentRecord, fold } from '../../registry/record.ts'
import { sentenceOf } from '../sentence.ts'
import { Details } from './details.ts'
import { found, say } from './elements.ts'
import { AgentList, type Listed } from './list.ts'
import { Machine } from './machine.ts'
import { Source } from './source.ts'
import { drawing } from './ticking.ts'
import { keyOf, Timeline } from './timeline.ts'
import { takeToken } from './token.ts'

class Page {
  readonly #source: Source
  readonly #agents = new Map<string, Listed>()
  readonly #draw = drawing(() => this.#drawn())
  readonly #list = new AgentList(found('agents'), (id) => this.#choose(id), this.#draw)
  readonly #details = new Details()
  readonly #machine = new Machine()
  readonly #timeline = new Timeline(found('entries'), found('more'))
  readonly #search = found<HTMLInputElement>('search')
  #chosen: string | undefined
  /** Of the chosen one, the oldest first. */
  #entries: readonly Entry[] = []

  constructor(token: string) {
    this.#source = new Source(token)
    this.#search.addEventListener('input', this.#draw)
    void this.#machine.into(found('machine')).then(this.#draw)
    void this.#source.follow({
      all: (records) => this.#all(records),
      entry: (entry) => this.#told(entry),
      trouble: (why) => {
        say(found('trouble'), why ?? '')
        document.body.classList.toggle('connected', why === undefined)
      },
    })
  }

  #all(records: readonly AgentRecord[]): void {
    this.#agents.clear()
    // They come newest first, and are listed in the order in which they were asked for.
    for (const record of [...records].reverse()) this.#agents.set(record.id, listedAs(record))
    const chosen = this.#chosen !== undefined && this.#agents.has(this.#chosen) ? this.#chosen : undefined
    this.#choose(chosen ?? this.#shown()[0]?.record.id)
  }

  #told(entry: Entry): void {
    const { agentId } = entry
    const known = this.#agents.get(agentId)
    const record = fold(known?.record, entry)
    const { signal } = entry.evidence ?? {}
    const said = sentenceOf(entry)
    const why = isNote(entry) && signal ? `${signal} ${said}` : said
    // A note says why where it says anything; what it is about, the state says.
    if (!known || !isNote(entry)) this.#agents.set(agentId, { record, sinceMs: Date.parse(entry.at), why })
    else
      this.#agents.set(agentId, {
        ...known,
        record,
        why: entry.event === 'usage' || why === '' ? known.why : why,
      })
    if (agentId === this.#chosen) this.#entries = merged(this.#entries, [entry])
    if (this.#chosen === undefined) this.#choose(agentId)
    this.#draw()
  }

  #choose(id: string | undefined): void {
    this.#chosen = id
    this.#entries = []
    this.#draw()
    if (id === undefined) return
    this.#source.history(id).then(
      (entries) => {
        if (this.#chosen !== id) return
        // What came meanwhile is newer than what was read.
        this.#entries = merged(entries, this.#entries)
        const last = this.#entries.findLast((entry) => !isNote(entry))
        const known = this.#agents.get(id)
        const record = this.#entries.reduce<AgentRecord | undefined>(fold, undefined)
        if (known && record && last)
          this.#agents.set(id, {
            record,
            sinceMs: Date.parse(last.at),
            why: known.why || sentenceOf(last),
          })
        this.#draw()
      },
      // The stream says what is wrong, and begins anew.
      () => {},
    )
  }

  /** Those that have not ended, in their order; then the others, the newest first. */
  #shown(): readonly Listed[] {
    const wanted = this.#search.value.trim().toLowerCase()
    const all = [...this.#agents.values()].filter(
      ({ record: { name, state } }) =>
        wanted === '' || name.toLowerCase().includes(wanted) || state.includes(wanted),
    )
    const live = all.filter(({ record }) => !isEnd(record.state))
    return [...live, ...all.filter(({ record }) => isEnd(record.state)).reverse()]
  }

  #drawn(): void {
    const shown = this.#shown()
    this.#list.draw(shown, this.#chosen)
    say(found('count'), countOf([...this.#agents.values()]))
    const chosen = this.#chosen === undefined ? undefined : this.#agents.get(this.#chosen)
    document.body.classList.toggle('empty', !chosen)
    if (!chosen) return
    this.#details.draw(chosen)
    const { id, state } = chosen.record
    const last = this.#entries.findLast((entry) => !isNote(entry))
    this.#machine.light(state, last?.to === state ? last.from : null)
    this.#timeline.draw(id, this.#entries)
  }
}

/** As it was found: what its record says of its last change. */
function listedAs(record: AgentRecord): Listed {
  const { endedAt, startedAt, createdAt, reason, error, activity } = record
  const waiting = activity?.kind === 'waiting' ? [activity.on, activity.message] : []
  const asked = reason ? [`${reason.kind}, by ${reason.by}`] : waiting
  const why = error?.message ?? asked.filter((part) => part !== undefined).join(': ')
  return { record, sinceMs: Date.parse(endedAt ?? startedAt ?? createdAt), why }
}

/** By their keys, without what is in both. */
function merged(older: readonly Entry[], newer: readonly Entry[]): readonly Entry[] {
  const known = new Set(older.slice(-1_000).map(keyOf))
  return [...older, ...newer.filter((entry) => !known.has(keyOf(entry)))]
}

function countOf(all: readonly Listed[]): string {
  const live = all.filter(({ record }) => !isEnd(record.state)).length
  return `${live} ${live === 1 ? 'agent' : 'agents'}${all.length > live ? ` · ${all.length - live} ended` : ''}`
}

const token = takeToken()
if (token === undefined)
  say(found('trouble'), 'The address has no token. Open the one that reeve inspect --local printed.')
else new Page(token)
