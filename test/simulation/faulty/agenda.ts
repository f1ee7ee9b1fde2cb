/** The agenda of deadlines, with faults put in on purpose. */
export * from '../../../src/health/agenda.ts'

import { type AgendaOptions, type Planned, Agenda as RealAgenda } from '../../../src/health/agenda.ts'
import { isBroken } from '../here.ts'

export class Agenda<T extends Planned> extends RealAgenda<T> {
  constructor(options: AgendaOptions<T>) {
    super({
      ...options,
      late: (lostMs, nowMs) => {
        if (!isBroken('no-late-sweep')) options.late(lostMs, nowMs)
      },
    })
  }
}
