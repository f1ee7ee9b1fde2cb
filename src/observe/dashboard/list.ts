/** The list of agents: however many there are, only the rows in sight are there. */
import { isEnd } from '../../../machines/events.ts'
import type { AgentRecord } from '../../registry/record.ts'
import { span } from '../sentence.ts'
import { AGENT_TONES } from '../tones.ts'
import { element, plain, say } from './elements.ts'
import { wallNow } from './ticking.ts'

export interface Listed {
  record: AgentRecord
  /** When it came into its state, in milliseconds since 1970. */
  sinceMs: number
  /** Why it is as it is, in words. */
  why: string
}

/** As the style has it. */
const ROW_PX = 58
/** Rows beyond the edges, so that a quick hand sees none that is empty. */
const MARGIN_ROWS = 6

interface Row {
  readonly button: HTMLButtonElement
  readonly name: HTMLElement
  readonly state: HTMLElement
  readonly since: HTMLElement
  readonly why: HTMLElement
  id: string
}

export class AgentList {
  readonly #box: HTMLElement
  readonly #space = element('div', { class: 'space' })
  readonly #choose: (id: string) => void
  readonly #rows: Row[] = []
  #shown: readonly Listed[] = []

  constructor(box: HTMLElement, choose: (id: string) => void, draw: () => void) {
    this.#box = box
    this.#choose = choose
    box.append(this.#space)
    box.addEventListener('scroll', draw, { passive: true })
    addEventListener('resize', draw)
    box.addEventListener('keydown', (event) => this.#walk(event))
  }

  draw(shown: readonly Listed[], chosen: string | undefined): void {
    this.#shown = shown
    this.#space.style.setProperty('height', `${shown.length * ROW_PX}px`)
    const first = Math.max(0, Math.floor(this.#box.scrollTop / ROW_PX) - MARGIN_ROWS)
    const count = Math.ceil(this.#box.clientHeight / ROW_PX) + 2 * MARGIN_ROWS
    const visible = shown.slice(first, first + count)
    while (this.#rows.length < visible.length) this.#rows.push(this.#newRow())
    this.#rows.forEach((row, i) => {
      const listed = visible[i]
      row.button.hidden = !listed
      if (listed) this.#fill(row, listed, (first + i) * ROW_PX, chosen)
    })
  }

  #newRow(): Row {
    const name = element('span', { class: 'name' })
    const state = element('span', { class: 'pill' })
    const since = element('span', { class: 'since' })
    const why = element('span', { class: 'why' })
    const button = element('button', { type: 'button', class: 'row' }, name, state, why, since)
    const row: Row = { button, name, state, since, why, id: '' }
    button.addEventListener('click', () => this.#choose(row.id))
    this.#space.append(button)
    return row
  }

  #fill(row: Row, { record, sinceMs, why }: Listed, top: number, chosen: string | undefined): void {
    const { button, name, state, since } = row
    row.id = record.id
    button.style.setProperty('transform', `translateY(${top}px)`)
    button.dataset.tone = AGENT_TONES[record.state]
    button.classList.toggle('over', isEnd(record.state))
    button.setAttribute('aria-current', String(record.id === chosen))
    say(name, plain(record.name))
    say(state, stateText(record))
    say(since, span(Math.max(0, wallNow() - sinceMs)))
    say(row.why, plain(why))
  }

  /** Up and down, as in any list. */
  #walk(event: KeyboardEvent): void {
    const step = { ArrowDown: 1, ArrowUp: -1 }[event.key]
    if (step === undefined) return
    event.preventDefault()
    const at = this.#shown.findIndex(({ record }) => record.id === this.#current)
    const next = this.#shown[Math.min(this.#shown.length - 1, Math.max(0, at + step))]
    if (!next) return
    this.#choose(next.record.id)
    const top = this.#shown.indexOf(next) * ROW_PX
    const { scrollTop, clientHeight } = this.#box
    if (top < scrollTop) this.#box.scrollTop = top
    if (top + ROW_PX > scrollTop + clientHeight) this.#box.scrollTop = top + ROW_PX - clientHeight
  }

  get #current(): string | undefined {
    return this.#rows.find(({ button }) => !button.hidden && button.getAttribute('aria-current') === 'true')
      ?.id
  }
}

/** A running agent says what it does. */
export const stateText = ({ state, activity }: AgentRecord): string =>
  state === 'running' && activity && activity.kind !== 'working' ? activity.kind : state
