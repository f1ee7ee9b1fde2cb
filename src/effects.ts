/** What the outside does for a life: where the machines meet processes, reports and clean-up hooks. */
import type { LifeContext } from '../machines/context.ts'
import type { LifeEffects } from '../machines/effects.ts'
import { type AskingRung, asks } from '../machines/escalation.ts'
import type { LifeAddress, LifeAnswer, Reason } from '../machines/events.ts'
import { cleanUp, ownWords } from './cleaning.ts'
import type { Clock } from './clock.ts'
import { errnoOf, messageOf } from './errors.ts'
import { controlOf, type Home } from './home.ts'
import type { Outside } from './outside.ts'
import type { Launcher } from './process/launcher.ts'
import type { Seat } from './seat.ts'
import { termsOf } from './terms.ts'

export interface EffectsOptions {
  readonly home: Home
  readonly clock: Clock
  readonly launcher: Launcher
  readonly reports: Pick<ReturnType<Outside['openReports']>, 'expect'>
  readonly logSize: Outside['logSize']
  readonly agentEnv: Outside['agentEnv']
  readonly seatOf: (agentId: string) => Seat | undefined
  readonly answer: (answer: LifeAnswer) => void
}

export function lifeEffects(options: EffectsOptions): LifeEffects {
  const { home, clock, launcher, reports, logSize, agentEnv, seatOf, answer } = options
  const address = ({ agentId, incarnation }: LifeAddress): LifeAddress => ({ agentId, incarnation })

  const launch = (life: LifeContext, seat: Seat): void => {
    const { plan } = seat
    seat.endLife()
    const reportFile = reports.expect(address(life))
    const control = controlOf(home, life)
    if (typeof plan.ready === 'object') seat.logOffset = logSize(seat.logFile)
    launcher.launch({
      ...termsOf(seat, life, home, reportFile),
      command: plan.command,
      cwd: plan.cwd,
      env: {
        ...plan.env,
        ...agentEnv?.(plan.id),
        ...ownWords(home, plan, life),
        REEVE_REPORT: reportFile,
        REEVE_CONTROL: control,
      },
    })
  }

  /** What was sent to its stdin before comes first; the pipe gives up on one that does not read. */
  const ask = async (life: LifeContext, rung: AskingRung, seat: Seat | undefined): Promise<void> => {
    const of = address(life)
    const reason: Reason = life.reason ?? { kind: 'user', by: 'supervisor' }
    const input = 'cancel' in rung ? undefined : seat?.input
    if (input) {
      await input.drained()
      if ('eof' in rung) input.close('its stop ladder has closed its stdin')
    }
    launcher.ask(of, rung, reason)
  }

  return {
    launch(life) {
      const seat = seatOf(life.agentId)
      // A life that a supervisor before asked for: its launcher will answer.
      if (!seat || seat.underway === life.incarnation) return
      try {
        launch(life, seat)
      } catch (cause) {
        const errno = errnoOf(cause)
        const message = `it could not be prepared: ${messageOf(cause)}`
        const error = { code: 'spawn_failed', message, ...(errno !== undefined && { errno }) }
        answer({ type: 'SPAWN_FAILED', ...address(life), error })
      }
    },
    withdrawLaunch(life) {
      launcher.withdraw(address(life))
    },
    takeRung(life, rung) {
      const seat = seatOf(life.agentId)
      if (asks(rung)) {
        void ask(life, rung, seat)
        return
      }
      if (seat) seat.kill.lastSignal = rung.signal
      launcher.signal(address(life), rung.signal)
    },
    killTree(life) {
      const seat = seatOf(life.agentId)
      if (seat) seat.kill = { lastSignal: 'SIGKILL', forced: true }
      launcher.signal(address(life), 'SIGKILL')
    },
    sweepTree(life, { gentle }) {
      launcher.sweep(address(life), { gentle, killWaitMs: life.policy.killWaitMs })
    },
    cleanUp(life) {
      const seat = seatOf(life.agentId)
      if (seat) void cleanUp(seat, life, { home, clock, launcher, answer })
    },
  }
}
