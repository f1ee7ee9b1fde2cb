/** What the log says after all of it, held against what the agents themselves wrote down. */
import { readFileSync } from 'node:fs'
import { isEnd, isNote } from '../../machines/events.ts'
import type { AgentRecord, Entry } from '../../src/index.ts'

/** What agents wrote of themselves: how often each life began, how much usage each reported. */
export interface Ledger {
  readonly lives: ReadonlyMap<string, number>
  readonly usage: ReadonlyMap<string, number>
}

export function readLedger(file: string): Ledger {
  const [lives, usage] = [new Map<string, number>(), new Map<string, number>()]
  for (const line of readFileSync(file, 'utf8').split('\n')) {
    const [word, id = '', incarnation] = line.split(' ')
    if (word === 'start') lives.set(`${id} ${incarnation}`, (lives.get(`${id} ${incarnation}`) ?? 0) + 1)
    if (word === 'usage') usage.set(id, (usage.get(id) ?? 0) + 1)
  }
  return { lives, usage }
}

/** Numbers of one supervisor's log: from 1, each once, none missing. */
export function gapsIn(numbers: ReadonlyMap<string, readonly number[]>): string[] {
  return [...numbers].flatMap(([supervisorId, seqs]) => {
    const missing = Array.from({ length: Math.max(...seqs) }, (_, i) => i + 1).filter(
      (seq) => !seqs.includes(seq),
    )
    const twice = seqs.length - new Set(seqs).size
    return [
      ...(missing.length > 0
        ? [`supervisor ${supervisorId}: entries ${missing.join(', ')} are missing of ${seqs.length}`]
        : []),
      ...(twice > 0 ? [`supervisor ${supervisorId}: ${twice} entries are there twice`] : []),
    ]
  })
}

/** One agent's entries, in order: each begins where the one before ended, and a life does not begin twice. */
export function breaksIn(record: AgentRecord, entries: readonly Entry[]): string[] {
  const wrong: string[] = []
  let state: Entry['from'] = null
  for (const entry of entries) {
    if (entry.from !== state)
      wrong.push(`${record.name} (${record.id}): ${entry.event} from ${entry.from}, but it was ${state}`)
    if (!isNote(entry)) state = entry.to
  }
  if (state !== record.state)
    wrong.push(`${record.name} (${record.id}): its log ends in ${state}, its record in ${record.state}`)
  return wrong
}

/** One life ran once, and what it used is counted once: the last report may stand in the file and not yet in the ledger. */
export function doublesIn(records: readonly AgentRecord[], { lives, usage }: Ledger): string[] {
  const wrong = [...lives]
    .filter(([, times]) => times > 1)
    .map(([life, times]) => `life ${life} was started ${times} times`)
  for (const { id, name, state, incarnation, usage: counted } of records) {
    const said = usage.get(id) ?? 0
    const turns = counted?.turns ?? 0
    // Each life may have been ended between its report and its line in the ledger.
    if (turns > said + incarnation)
      wrong.push(`${name} (${id}): ${turns} turns counted, ${said} were reported`)
    if (isEnd(state) && turns < said)
      wrong.push(`${name} (${id}): ${turns} turns counted of ${said} that were reported`)
  }
  return wrong
}
