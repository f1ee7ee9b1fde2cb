/** `connected-agents.json` in the home: the agents that are there now, for tools that read it. */
import path from 'node:path'
import { isListed } from '../registry/json-file/book.ts'
import { LiveFile } from '../registry/json-file/live-file.ts'
import type { Supervisor } from '../supervisor.ts'

export interface ConnectedFile {
  /** Resolves when it says what is so, for the last time. */
  close(): Promise<void>
}

/**
 * An array of the records that are alive, `spawning` or `pre_starting`, replaced whole within 20 ms of a change. It is
 * made from what the supervisor observes, not from a log of its own: after a crash the first one is right again.
 */
export async function connectedFile(
  home: string,
  reeve: Supervisor,
  trouble: (cause: unknown) => void,
): Promise<ConnectedFile> {
  const file = new LiveFile(path.join(home, 'connected-agents.json'), () => reeve.list().filter(isListed))
  const changed = () => file.changed()
  const offs = [reeve.on('transition', changed), reeve.on('note', changed)]
  changed()
  await file.flush()
  return {
    async close() {
      for (const off of offs) off()
      changed()
      await file.flush().catch(trouble)
      file.stop()
    },
  }
}
