/** What is done about what an agent has used: told, warned of, and ended when its budget has run out. */
import { exhausted, nearEnd, runsOut, type Spent } from '../machines/budget.ts'
import { cancelWaitOf } from '../machines/escalation.ts'
import type { Usage } from '../machines/events.ts'
import type { SupervisorEvent } from '../machines/supervisor.ts'
import { ReeveError } from './errors.ts'
import type { Seat } from './seat.ts'

type Send = (event: SupervisorEvent) => void

/** A usage report has brought its sums from `before` to where they are now. */
export function spent(seat: Seat, before: Usage, send: Send): void {
  const { budget } = seat.plan
  if (budget === null) return
  warnOnce(seat, send)
  if (runsOut(budget, before, seat.usage)) enforce(seat, send)
}

/** Warns of each share that is near its end, unless that was done: in whatever life, by whichever supervisor. */
export function warnOnce(seat: Seat, send: Send): void {
  const { plan, usage, warnedOf } = seat
  if (plan.budget === null) return
  const near = nearEnd(plan.budget, usage, warnedOf)
  seat.warnedOf = [...warnedOf, ...near.map(({ budget }) => budget)]
  for (const evidence of near)
    send({ type: 'NOTE', ...seat.life, event: 'budget_warning', evidence: { ...evidence } })
}

/**
 * Ends an agent whose budget has run out, whoever had counted it; asked again, it changes nothing. Of a life that has
 * exited, and whose exit is on its way, it waits to hear: then it has ended by itself, and no further one follows.
 */
export function enforce(seat: Seat, send: Send): void {
  const { budget, life, id: agentId } = seat.plan
  const over = budget && exhausted(budget, seat.usage)
  const untold = seat.exited && !['reaping', 'restarting'].includes(seat.record.state)
  if (!over || seat.ended || untold) return
  send({
    type: 'STOP',
    agentId,
    reason: { kind: 'budget', by: 'supervisor', message: `it used ${amount(over)}` },
    evidence: { ...over },
    cancelMs: cancelWaitOf(life.rungs),
  })
}

/** @throws ReeveError `budget_exhausted` when a further life would be ended by its first report. */
export function refuseExhausted({ plan, usage, record }: Seat): void {
  const over = plan.budget && exhausted(plan.budget, usage)
  if (!over) return
  const message = `${plan.name} has used ${amount(over)}: its budget is for all its lives. Spawn it anew, with another budget.`
  throw new ReeveError('budget_exhausted', message, {
    field: `budget.${over.budget}`,
    agentId: plan.id,
    record,
  })
}

const amount = ({ budget, used, allowed }: Spent): string =>
  budget === 'usd' ? `$${Number(used.toFixed(6))} of $${allowed}` : `${used} of ${allowed} ${budget}`
