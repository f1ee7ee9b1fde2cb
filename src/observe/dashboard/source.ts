/** What the page is told: records as they are, then entries as they come. After a gap all is read anew. */
import type { Entry } from '../../../machines/events.ts'
import type { AgentRecord } from '../../registry/record.ts'
import { serverEvents } from '../../server-events.ts'
import { camelCased } from '../../snake-case.ts'
import { after } from './ticking.ts'

export interface Told {
  /** All agents, newest first: what was known before is past. */
  all(records: readonly AgentRecord[]): void
  entry(entry: Entry): void
  /** `undefined`: it goes well. */
  trouble(why: string | undefined): void
}

const AGAIN_AFTER_MS = 1_000

export class Source {
  readonly #token: string

  constructor(token: string) {
    this.#token = token
  }

  async history(id: string): Promise<Entry[]> {
    return (await this.#json(`/v1/agents/${encodeURIComponent(id)}/history`)) as Entry[]
  }

  /** For as long as the page is there. */
  async follow(told: Told): Promise<never> {
    for (;;) {
      try {
        await this.#followed(told)
        told.trouble('The connection was lost. Trying again …')
      } catch (error) {
        told.trouble(
          error instanceof Refused ? error.message : 'Nobody answers: is reeve inspect still running?',
        )
      }
      await after(AGAIN_AFTER_MS)
    }
  }

  async #followed(told: Told): Promise<void> {
    const response = await this.#get('/v1/entries')
    // What comes before the listing is there is told after it.
    let early: Entry[] | undefined = []
    const listed = async (): Promise<void> => {
      told.all((await this.#json('/v1/agents')) as AgentRecord[])
      for (const entry of early ?? []) told.entry(entry)
      early = undefined
      told.trouble(undefined)
    }
    let listing: Promise<void> | undefined
    for await (const { event, data } of serverEvents(textOf(response))) {
      if (event === 'hello') {
        listing = listed()
        // It is awaited below, or ends with the stream.
        listing.catch(() => response.body?.cancel())
        continue
      }
      const entry = camelCased(JSON.parse(data)) as Entry
      if (early) early.push(entry)
      else told.entry(entry)
    }
    await listing
  }

  async #json(path: string): Promise<unknown> {
    return camelCased(await (await this.#get(path)).json())
  }

  async #get(path: string): Promise<Response> {
    const response = await fetch(path, { headers: { authorization: `Bearer ${this.#token}` } })
    if (response.ok) return response
    const { message } = (await response.json()) as { message: string }
    throw new Refused(message)
  }
}

/** It was answered, and the answer is no. */
class Refused extends Error {}

async function* textOf(response: Response): AsyncGenerator<string> {
  if (!response.body) return
  const reader = response.body.pipeThrough(new TextDecoderStream()).getReader()
  for (;;) {
    const { value, done } = await reader.read()
    if (done) return
    yield value
  }
}
