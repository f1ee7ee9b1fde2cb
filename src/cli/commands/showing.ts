/** What goes on while something is awaited. */
import { entryLine } from '../../terminal/entry-line.ts'
import type { Desk } from '../desk.ts'

/** Those who watch see each step while it is taken. */
export async function showing<T>(desk: Desk, ending: () => Promise<T>): Promise<T> {
  if (!desk.watched) return ending()
  const reeve = await desk.reeve()
  const offs = (['transition', 'note'] as const).map((event) =>
    reeve.on(event, (entry) => {
      if (entry.event !== 'activity' && entry.event !== 'usage')
        desk.remark(entryLine(entry, desk.errorScreen))
    }),
  )
  try {
    return await ending()
  } finally {
    for (const off of offs) off()
  }
}
