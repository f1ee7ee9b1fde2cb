/** The agenda of deadlines, with faults put in on purpose. */
export * from '../../../../src/health/agenda.ts'
import { Agenda as RealAgenda, type AgendaOptions, type Planned } from '../../../../src/health/agenda.ts'
import { isBroken } from '../../here.ts'

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
