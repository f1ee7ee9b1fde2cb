/** `.inspect`: pages on this machine that show the machines at work, open until they are closed or the prompt is left. */
import { ReeveError } from '../errors.ts'
import type { OpenInspector } from '../observe/inspector/index.ts'
import type { Reeve } from '../reeve.ts'

/** Reeve's own page, or Stately's inspector. */
export const PAGES = ['local', 'stately'] as const
export const OFF = 'off'

type Page = (typeof PAGES)[number]
const isPage = (word: string): word is Page => PAGES.some((page) => page === word)

export class Inspecting {
  readonly #reeve: Reeve
  readonly #open = new Map<Page, Promise<OpenInspector>>()

  constructor(reeve: Reeve) {
    this.#reeve = reeve
  }

  /**
   * What to open in a browser; asked again, the same. Loaded when it is first asked for.
   *
   * @throws ReeveError `invalid_spec`, `inspector_failed`
   */
  async url(page = 'local'): Promise<string> {
    if (!isPage(page))
      throw new ReeveError('invalid_spec', `inspect: ${[...PAGES, OFF].join(', ')} (given: ${page})`, {
        field: 'inspect',
      })
    const known = this.#open.get(page) ?? this.#begin(page)
    return (await known).url
  }

  #begin(page: Page): Promise<OpenInspector> {
    const opening = import('../observe/inspector/index.ts').then(({ openInspector }) =>
      openInspector(this.#reeve, { local: page === 'local' }),
    )
    this.#open.set(page, opening)
    // One that could not be opened is tried anew when it is asked for again.
    opening.catch(() => this.#open.delete(page))
    return opening
  }

  async close(): Promise<void> {
    const open = [...this.#open.values()]
    this.#open.clear()
    for (const opened of await Promise.allSettled(open))
      if (opened.status === 'fulfilled') await opened.value.close()
  }
}
