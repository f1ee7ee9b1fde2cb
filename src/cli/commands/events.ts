import type { Command } from 'commander'
import type { Entry } from '../../../machines/events.ts'
import type { ReeveClient } from '../../client/index.ts'
import { ReeveError } from '../../errors.ts'
import { placeText, readPlace } from '../../place.ts'
import { entryLine } from '../../terminal/entry-line.ts'
import type { Desk } from '../desk.ts'

interface Given {
  follow?: boolean
  since?: string
}

export const events = (program: Command, desk: Desk): Command =>
  program
    .command('events [agent]')
    .summary('every entry as it comes')
    .description(
      'Prints the entries that the registry has; with -f goes on with those that come, also across restarts of the daemon. With --json each bears its place, from which --since goes on.',
    )
    .option('-f, --follow', 'go on until Ctrl-C; without --since only what comes')
    .option('--since <place>', '"start", or SUPERVISOR:SEQ of the last entry that is known')
    .addHelpText(
      'after',
      '\nExamples:\n  reeve events -f\n  reeve events --json --since start | jq -r .event',
    )
    .action(async (name: string | undefined, given: Given) => {
      const reeve = await desk.reeve()
      const print = (entry: Entry): void => {
        if (name !== undefined && entry.name !== name && entry.agentId !== name) return
        desk.one({ place: placeText(entry), ...entry }, `${entry.at}  ${entryLine(entry, desk.screen)}`)
      }
      if (given.follow) {
        const since = given.since
        for await (const entry of reeve.entries(since === undefined ? {} : { since })) print(entry)
        return
      }
      for (const entry of after(given.since, await known(reeve, name))) print(entry)
    })

/** What is there now, oldest first. */
async function known(reeve: ReeveClient, name: string | undefined): Promise<Entry[]> {
  if (name !== undefined) return reeve.history(name)
  const entries: Entry[] = []
  for (const { id } of await reeve.records()) entries.push(...(await reeve.history(id)))
  return entries.sort((a, b) => Date.parse(a.at) - Date.parse(b.at) || a.seq - b.seq)
}

/** @throws ReeveError `entries_gone` */
function after(since: string | undefined, entries: readonly Entry[]): readonly Entry[] {
  if (since === undefined || since === 'start') return entries
  const { supervisorId, seq } = readPlace(since)
  const at = entries.findIndex((entry) => entry.supervisorId === supervisorId && entry.seq === seq)
  if (at === -1)
    throw new ReeveError('entries_gone', `no entry has the place ${since}; without --since all are printed`)
  return entries.slice(at + 1)
}
