/** Cleans up after a life whose supervisor is not there to do it: the commands that it has not begun, then its folder. */
import type { Exit } from '../../machines/events.ts'
import type { CommandEnd, CommandOrder } from './launcher.ts'
import type { Life } from './life.ts'
import { newMarker } from './marker.ts'

/** What a hook is told of the end, in its environment. */
export const exitWords = (exit: Exit | null, reason: string): Record<string, string> => ({
  REEVE_EXIT_CODE: exit?.code == null ? '' : String(exit.code),
  REEVE_EXIT_SIGNAL: exit?.signal ?? '',
  REEVE_REASON: reason,
})

export interface CleanerOptions {
  readonly run: (order: CommandOrder) => Promise<CommandEnd>
  /** Somebody has it in hand again: what is left is theirs. */
  readonly halted: AbortSignal | undefined
  readonly failed: (message: string) => void
}

/** To be begun when none of its commands is under way. */
export async function cleanUpAlone(life: Life, { run, halted, failed }: CleanerOptions): Promise<void> {
  const { cleanup } = life
  if (cleanup === null || !life.isDirty) return
  const { commands, timeoutMs, tmp } = cleanup
  const one = async (hook: number, what: CommandOrder['what']): Promise<void> => {
    if (halted?.aborted || hook < (life.cleanup?.begun ?? Number.POSITIVE_INFINITY)) return
    const marker = newMarker()
    const order = { ...life.address, marker, what, timeoutMs, killWaitMs: life.terms.killWaitMs, hook }
    const { failure } = await run(order)
    if (failure !== null) failed(`Clean-up of ${life.address.agentId}: ${failure}`)
  }
  for (const [i, work] of commands.entries())
    await one(i, {
      ...work,
      env: { ...work.env, ...exitWords(life.exit, life.why === null ? '' : 'shutdown') },
    })
  if (tmp !== null) await one(commands.length, { kind: 'remove', folder: tmp })
}
