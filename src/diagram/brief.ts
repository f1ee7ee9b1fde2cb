/** What is anybody's, as a picture has room for it. */
import type { AgentRecord } from '../registry/record.ts'
import { plain } from '../terminal/plain.ts'

const MOST = 40

/** On one line, without control characters, cut where it is long. */
export function brief(text: string): string {
  const characters = [...plain(text).replaceAll(/[\u2028\u2029]/g, ' ')]
  return characters.length <= MOST ? characters.join('') : `${characters.slice(0, MOST - 1).join('')}…`
}

/** `waiting · pid 41210 · life 2`. */
export function standing({ state, activity, pid, incarnation }: AgentRecord): string {
  const said = state === 'running' && activity && activity.kind !== 'working' ? activity.kind : state
  return [said, pid !== null && `pid ${pid}`, incarnation > 1 && `life ${incarnation}`]
    .filter(Boolean)
    .join(' · ')
}
