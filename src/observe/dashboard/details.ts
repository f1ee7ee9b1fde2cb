/** The chosen agent in words: who it is, how it is, since when and why. */
import type { AgentRecord } from '../../registry/record.ts'
import { span } from '../sentence.ts'
import { AGENT_TONES } from '../tones.ts'
import { element, found, plain, say } from './elements.ts'
import { type Listed, stateText } from './list.ts'
import { wallNow } from './ticking.ts'

export class Details {
  readonly #name = found('name')
  readonly #standing = found('standing')
  readonly #why = found('why')
  readonly #facts = found('facts')
  #said = ''

  draw({ record, sinceMs, why }: Listed): void {
    say(this.#name, plain(record.name))
    say(this.#standing, `${stateText(record)} for ${span(Math.max(0, wallNow() - sinceMs))}`)
    this.#standing.dataset.tone = AGENT_TONES[record.state]
    say(this.#why, plain(why))
    const facts = factsOf(record)
    const said = JSON.stringify(facts)
    if (said === this.#said) return
    this.#said = said
    this.#facts.replaceChildren(
      ...facts.flatMap(([term, value]) => [
        element('dt', {}, term),
        element('dd', { title: plain(value) }, plain(value)),
      ]),
    )
  }
}

function factsOf(record: AgentRecord): (readonly [string, string])[] {
  const { pid, incarnation, group, lane, task, spawner, command, exit } = record
  const facts: (readonly [string, string | null])[] = [
    ['command', command.join(' ')],
    ['pid', pid === null ? null : String(pid)],
    ['life', String(incarnation)],
    ['exit', exit && (exit.signal ?? String(exit.code ?? 'not seen'))],
    ['group', group],
    ['lane', lane],
    ['task', task],
    ['spawner', spawner],
  ]
  return facts.filter((fact): fact is readonly [string, string] => fact[1] !== null && fact[1] !== '')
}
