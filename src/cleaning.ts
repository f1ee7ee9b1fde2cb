/** Clean-up at the end of a life: hooks one after another, each within its limit, then the folder that was its own. */
import type { LifeContext } from '../machines/context.ts'
import type { ErrorInfo, LifeAddress, LifeAnswer } from '../machines/events.ts'
import type { Clock } from './clock.ts'
import { within } from './deferred.ts'
import { messageOf } from './errors.ts'
import { type Home, tmpOf } from './home.ts'
import type { AgentPlan, CleanupStep } from './plan.ts'
import { exitWords } from './process/cleaner.ts'
import type { CleanupTerms, CommandOrder, CommandWork, Launcher } from './process/launcher.ts'
import { newMarker } from './process/marker.ts'
import type { Seat } from './seat.ts'
import type { CleanupHook } from './spec.ts'

export interface CleaningOptions {
  readonly home: Home
  readonly clock: Clock
  readonly launcher: Pick<Launcher, 'run'>
  readonly answer: (answer: LifeAnswer) => void
}

const isFunction = (step: CleanupStep): step is CleanupHook => typeof step === 'function'

/** The folder of its own that a life has while it lasts; `null`: none was asked for. */
export const tmpFolderOf = (home: Home, plan: AgentPlan, life: LifeAddress): string | null =>
  plan.tmp ? tmpOf(home, life) : null

/** What names an agent and a life to whatever is run for it. */
export const ownWords = (home: Home, plan: AgentPlan, life: LifeAddress): Record<string, string> => {
  const tmp = tmpFolderOf(home, plan, life)
  return {
    REEVE_AGENT_ID: plan.id,
    REEVE_AGENT_NAME: plan.name,
    REEVE_INCARNATION: String(life.incarnation),
    ...(tmp !== null && { REEVE_TMP: tmp }),
  }
}

/** What a launcher that is left alone does in its place. */
export function cleanupTermsOf(home: Home, seat: Seat, life: LifeAddress): CleanupTerms | null {
  const { plan } = seat
  const commands = plan.cleanup.flatMap((step) => (isFunction(step) ? [] : workOf(home, seat, life, step)))
  const tmp = tmpFolderOf(home, plan, life)
  return commands.length === 0 && tmp === null
    ? null
    : { commands, timeoutMs: plan.cleanupTimeoutMs, tmp, begun: 0 }
}

const workOf = (
  home: Home,
  { plan, logFile }: Seat,
  life: LifeAddress,
  { command, cwd }: Exclude<CleanupStep, CleanupHook>,
): CommandWork => ({
  kind: 'command',
  command,
  cwd,
  env: { ...plan.env, ...ownWords(home, plan, life) },
  logFile,
})

/** A failing hook stops no other. Answers when all is done. */
export async function cleanUp(seat: Seat, life: LifeContext, options: CleaningOptions): Promise<void> {
  const { home, clock, launcher, answer } = options
  const { plan } = seat
  const address: LifeAddress = { agentId: life.agentId, incarnation: life.incarnation }
  const limitMs = plan.cleanupTimeoutMs
  let commands = 0

  const note = (error: ErrorInfo): void =>
    answer({ type: 'NOTE', ...address, event: 'cleanup_failed', error })
  const fail = (message: string): void => note({ code: 'cleanup_failed', message })
  const call = async (hook: CleanupHook, name: string): Promise<void> => {
    try {
      const running = Promise.resolve().then(() => hook(seat.record))
      if (!(await within(running, limitMs, clock)))
        fail(`${name} did not end within ${limitMs} ms (cleanupTimeout)`)
    } catch (cause) {
      fail(`${name} failed: ${messageOf(cause)}`)
    }
  }
  const run = async (what: CommandOrder['what'], name: string): Promise<void> => {
    const { killWaitMs } = plan.life
    const marker = newMarker()
    const order = { ...address, marker, what, timeoutMs: limitMs, killWaitMs, hook: commands++ }
    const { failure } = await launcher.run(order, NEVER)
    if (failure !== null) fail(`${name}: ${failure}`)
  }

  const lost = plan.cleanupLost
  if (lost > 0)
    note({
      code: 'cleanup_lost',
      message: `clean-up functions that went with the supervisor they were given to: ${lost}`,
    })
  for (const [i, step] of plan.cleanup.entries()) {
    const name = `clean-up hook ${i + 1}`
    if (isFunction(step)) await call(step, `${name}${step.name ? ` (${step.name})` : ''}`)
    else {
      const work = workOf(home, seat, address, step)
      const env = { ...work.env, ...exitWords(life.exit, life.reason?.kind ?? '') }
      await run({ ...work, env }, `${name} (${step.command[0]})`)
    }
  }
  const folder = tmpFolderOf(home, plan, address)
  if (folder !== null) await run({ kind: 'remove', folder }, 'REEVE_TMP')
  answer({ type: 'CLEANED', ...address })
}

const NEVER = new AbortController().signal
