/** What a launcher keeps of a life, for as long as it lasts. */

import type { LifeAddress } from '../machines/events.ts'
import { cleanupTermsOf } from './cleaning.ts'
import { controlOf, type Home, inputOf } from './home.ts'
import type { LifeTerms } from './process/launcher.ts'
import type { Seat } from './seat.ts'

export function termsOf(seat: Seat, life: LifeAddress, home: Home, reportFile: string): LifeTerms {
  const { plan } = seat
  return {
    agentId: life.agentId,
    incarnation: life.incarnation,
    marker: seat.markerOf(life),
    logFile: seat.logFile,
    logLimits: plan.logLimits,
    reportFile,
    fifo: plan.stdin === 'open' ? inputOf(home, life) : null,
    control: controlOf(home, life),
    rungs: plan.life.rungs,
    killWaitMs: plan.life.killWaitMs,
    detachOk: plan.detachOk,
    onSupervisorDeath: plan.onSupervisorDeath,
    adoptForMs: plan.onSupervisorDeath === 'adopt' ? plan.adoptForMs : 0,
    cleanup: cleanupTermsOf(home, seat, life),
  }
}
