/** The entries of one agent, the newest first. */
import { type Entry, isNote } from '../../../machines/events.ts'
import { sentenceOf } from '../sentence.ts'
import { AGENT_TONES } from '../tones.ts'
import { element, plain, say } from './elements.ts'

/** More would be read by nobody, and drawn by a browser. */
const MOST = 300

export class Timeline {
  readonly #list: HTMLElement
  readonly #more: HTMLElement
  #agent = ''
  #entries: readonly Entry[] = []
  readonly #known = new Set<string>()

  constructor(list: HTMLElement, more: HTMLElement) {
    this.#list = list
    this.#more = more
  }

  /** Of this agent, the oldest first. What is there already stays as it is. */
  draw(agent: string, entries: readonly Entry[]): void {
    if (agent !== this.#agent) {
      this.#list.replaceChildren()
      this.#known.clear()
      this.#entries = []
      this.#agent = agent
    }
    if (entries === this.#entries) return
    this.#entries = entries
    for (const entry of entries.slice(-MOST)) {
      const key = keyOf(entry)
      if (this.#known.has(key)) continue
      this.#known.add(key)
      this.#list.prepend(lineOf(entry))
    }
    while (this.#list.childElementCount > MOST) this.#list.lastElementChild?.remove()
    const older = entries.length - this.#list.childElementCount
    say(this.#more, older > 0 ? `${older} older entries: reeve history` : '')
  }
}

export const keyOf = ({ supervisorId, seq }: Entry): string => `${supervisorId}:${seq}`

function lineOf(entry: Entry): HTMLElement {
  const note = isNote(entry)
  const heading = note
    ? element('span', { class: 'event' }, entry.evidence?.signal ?? words(entry.event))
    : element(
        'span',
        { class: 'event' },
        ...(entry.from === null ? [] : [element('span', { class: 'from' }, entry.from), ' → ']),
        element('strong', {}, entry.to),
      )
  const sentence = plain(sentenceOf(entry))
  return element(
    'li',
    { 'data-tone': AGENT_TONES[entry.to], class: note ? 'note' : undefined },
    element('time', { datetime: entry.at, title: entry.at }, timeOf(entry.at)),
    element('div', {}, heading, ...(sentence === '' ? [] : [element('p', {}, sentence)])),
  )
}

const words = (event: string): string => event.replaceAll('_', ' ')

function timeOf(at: string): string {
  const date = new Date(at)
  const two = (part: number): string => String(part).padStart(2, '0')
  return `${two(date.getHours())}:${two(date.getMinutes())}:${two(date.getSeconds())}.${Math.floor(date.getMilliseconds() / 100)}`
}
