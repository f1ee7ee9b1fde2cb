/**
 * Asking a leader to end by itself: by a line in its control file, by its stdin, or, where there is neither, by SIGINT to
 * it alone.
 */
import { writeSync } from 'node:fs'
import { type AskingRung, askedBy } from '../../machines/escalation.ts'
import type { LifeAnswer, Reason } from '../../machines/events.ts'
import type { Clock } from '../clock.ts'
import { errnoOf } from '../errors.ts'
import { appendToControl } from './control-file.ts'
import { isAlive } from './identity.ts'
import type { Life } from './life.ts'
import { signalProcess } from './signals.ts'
import type { Spared } from './spared.ts'

/** What became of a question, as it is answered. */
export type AskedAnswer = Omit<Extract<LifeAnswer, { type: 'ASKED' }>, 'type' | 'agentId' | 'incarnation'>

export interface AskingOptions {
  readonly reason: Reason
  readonly spared: Spared
  readonly clock: Clock
}

export function ask(life: Life, rung: AskingRung, options: AskingOptions): AskedAnswer {
  const asked = askedBy(rung)
  if (life.phase !== 'live' || life.leader === undefined) return { asked, refused: 'it has no process' }
  if ('cancel' in rung) return { asked, ...cancel(life, rung.waitMs, options) }
  if (life.input === undefined) return { asked, refused: 'its stdin is not open' }
  if ('eof' in rung) life.closeInput()
  else {
    const refused = write(life.input, rung.input)
    if (refused !== undefined) return { asked, refused }
  }
  return { asked, through: 'stdin' }
}

function cancel(
  { terms, leader }: Life,
  waitMs: number,
  { reason, spared, clock }: AskingOptions,
): Omit<AskedAnswer, 'asked'> {
  if (leader === undefined || !isAlive(leader)) return { refused: 'it has ended' }
  const until = new Date(clock.wallNow() + waitMs).toISOString()
  const { by, message } = reason
  const request = {
    type: 'cancel',
    reason: reason.kind,
    by,
    ...(message !== undefined && { message }),
    until,
  }
  if (terms.control !== null && appendToControl(terms.control, `${JSON.stringify(request)}\n`))
    return { through: 'control' }
  const outcome = signalProcess(leader, 'SIGINT', spared)
  if (outcome !== 'sent') return { refused: `SIGINT did not reach it (${outcome})` }
  return { through: 'signal', signal: 'SIGINT', signalled: [{ pid: leader.pid, where: 'leader' }] }
}

/** Why it was not taken: the pipe is full with what it has not read. A text this short is taken whole or not at all. */
function write(fd: number, text: string): string | undefined {
  try {
    writeSync(fd, text)
    return undefined
  } catch (error) {
    if (errnoOf(error) === 'EAGAIN') return 'it does not read its stdin'
    throw error
  }
}
