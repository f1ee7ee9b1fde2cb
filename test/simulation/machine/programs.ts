/** What the agents of the simulation do: each kind a temper, every step of it by the process's own dice. */

import type { Dice } from '../dice.ts'
import type { Kernel } from './kernel.ts'
import type { SimProcess } from './process.ts'

export const KINDS = {
  steady: 6,
  brief: 3,
  crashy: 3,
  tidy: 3,
  stubborn: 2,
  brood: 5,
  silent: 2,
  chatty: 1,
  spender: 1,
  moody: 2,
  busy: 1,
  missing: 1,
} as const
export type Kind = keyof typeof KINDS

export interface Surroundings {
  readonly kernel: Kernel
  report(process: SimProcess, line: string): void
  output(process: SimProcess, line: string): void
  /** How probable it is that an agent asks for time. */
  readonly asking: number
}

/** Pids that agents and strangers leave to others: on a machine that is full nobody can begin. */
export const LEFT_FREE = 4

const REPORTS = {
  beat: 10,
  working: 3,
  idle: 2,
  '{"type":"waiting","on":"permission"}': 2,
  '{"type":"waiting","on":"tool","message":"a build"}': 1,
  '{"type":"usage","turns":1,"tokens":10,"usd":0.01}': 2,
  '{"type":"result","value":42}': 1,
  stopping: 1,
  '{"type":"unheard of"}': 1,
  'half a {': 1,
} as const

/** Begins what a leader does. */
export function live(kind: Kind, process: SimProcess, around: Surroundings): void {
  const { kernel } = around
  const { dice } = process
  const say = (line: string) => around.report(process, line)

  process.execing = true
  kernel.later(process, dice.between(0, 4), () => {
    process.execing = false
  })
  attitude(kind, process)
  if (dice.chance(0.9))
    kernel.later(process, dice.between(1, 900), () => {
      say('ready')
      around.output(process, 'ready now')
    })

  if (kind === 'brief') leave(kernel, process, dice.between(0, 800), 0)
  if (kind === 'crashy') leave(kernel, process, dice.between(0, 500), dice.pick([1, 1, 7, null]))
  if (dice.chance(0.3)) leave(kernel, process, dice.between(1_000, 30_000), dice.pick([0, 1, 7, null]))
  if (kind !== 'silent') speak(process, around, MANNERS[kind] ?? { output: 0.1, usage: 0.02 })
  if (kind === 'brood' || dice.chance(0.2)) breed(process, around, 0)
  if (kind === 'moody' || dice.chance(0.05)) sulk(kernel, process)
  if (dice.chance(0.4)) work(kernel, process)
  const asks = dice.fork('asks for time')
  if (asks.chance(around.asking)) askForTime(process, around, asks)
}

function leave(kernel: Kernel, process: SimProcess, afterMs: number, code: number | null): void {
  kernel.later(process, afterMs, () =>
    kernel.exit(process, code === null ? { code, signal: 'SIGSEGV' } : { code, signal: null }),
  )
}

/** How it takes being told to go. */
function attitude(kind: Kind, { dice, ignores, handles }: SimProcess): void {
  for (const signal of ['SIGTERM', 'SIGINT', 'SIGHUP'] as const) {
    if (kind === 'stubborn' || dice.chance(0.1)) ignores.add(signal)
    else if (kind === 'tidy' || dice.chance(0.2))
      handles.set(signal, { afterMs: dice.between(0, 2_500), code: dice.pick([0, 0, 143, 3]) })
  }
}

/** Shares of what it says: what goes to its log alone, and what it tells of its use. */
interface Manner {
  readonly output: number
  readonly usage: number
}

const MANNERS: Readonly<Partial<Record<Kind, Manner>>> = {
  chatty: { output: 0.95, usage: 0 },
  spender: { output: 0.1, usage: 0.6 },
}
const USAGE = '{"type":"usage","turns":1,"tokens":10,"usd":0.01}'

function speak(process: SimProcess, around: Surroundings, { output, usage }: Manner): void {
  const { dice } = process
  const everyMs = usage > 0.5 ? dice.between(50, 400) : dice.between(100, 1_500)
  const again = (): void => {
    const draw = dice.next()
    if (draw < 0.03) return
    if (around.kernel.nowMs < process.quietUntilMs) return around.kernel.later(process, everyMs, again)
    if (draw > 1 - usage) around.report(process, USAGE)
    else if (draw < 0.55 * (1 - output)) around.report(process, dice.weighed(REPORTS))
    else if (draw < 1 - output - usage) around.report(process, 'beat')
    else around.output(process, `line ${dice.between(0, 9)}`)
    around.kernel.later(process, dice.between(1, 2 * everyMs), again)
  }
  around.kernel.later(process, dice.between(0, everyMs), again)
}

/** Again and again, ready or not, and says nothing else for about as long. */
function askForTime(process: SimProcess, around: Surroundings, dice: Dice): void {
  const { kernel } = around
  const again = (): void => {
    const byMs = dice.pick([100, 1_000, 5_000, 20_000])
    around.report(process, `{"type":"extend","by":${byMs}}`)
    process.quietUntilMs = kernel.nowMs + dice.between(byMs / 2, 1.2 * byMs)
    if (dice.chance(0.6)) kernel.later(process, dice.between(100, 8_000), again)
  }
  kernel.later(process, dice.between(0, 1_200), again)
}

function work(kernel: Kernel, process: SimProcess): void {
  const again = (): void => {
    process.cpuMs += process.dice.between(0, 60)
    kernel.later(process, process.dice.between(50, 500), again)
  }
  kernel.later(process, 10, again)
}

function sulk(kernel: Kernel, process: SimProcess): void {
  const { dice } = process
  kernel.later(process, dice.between(10, 3_000), () => {
    if (dice.chance(0.6)) kernel.sleepDeeply(process, dice.pick([20, 300, 3_000, 15_000, 60_000]))
    else kernel.deliver(process, 'SIGSTOP')
  })
}

/** Children that stay, that leave the session, that hand over to an orphan, that refuse to go. */
function breed(process: SimProcess, around: Surroundings, depth: number): void {
  const { kernel } = around
  const { dice } = process
  const fork = (own: boolean): SimProcess | undefined => {
    if (!process.life || kernel.freePids < LEFT_FREE) return undefined
    const child = kernel.fork(process.pid, {
      comm: `${process.comm}+`,
      environ: process.environ,
      life: process.life,
      dice: dice.fork(`child ${kernel.nowMs} ${dice.next()}`),
    })
    if (!child) return undefined
    child.detached = process.detached
    if (own) {
      kernel.setsid(child)
      child.detached = true
    }
    attitude(dice.chance(0.2) ? 'stubborn' : 'steady', child)
    return child
  }
  const again = (): void => {
    const child = fork(dice.chance(0.3))
    if (child) {
      if (depth < 2 && dice.chance(0.3)) breed(child, around, depth + 1)
      if (dice.chance(0.4)) leave(kernel, child, dice.between(0, 2_000), 0)
      if (dice.chance(0.1)) sulk(kernel, child)
      if (dice.chance(0.3)) work(kernel, child)
      if (dice.chance(0.15)) succeed(child, around, dice.between(1, 4))
    }
    if (dice.chance(0.5)) kernel.later(process, dice.between(1, 3_000), again)
  }
  kernel.later(process, dice.between(0, 300), again)
}

/** Hands over to a successor in a session of its own and exits, a few times: found by its marker alone. */
function succeed(process: SimProcess, around: Surroundings, times: number): void {
  const { kernel } = around
  const { dice } = process
  kernel.later(process, dice.between(1, 400), () => {
    const heir = kernel.fork(process.pid, {
      comm: `${process.comm}!`,
      environ: process.environ,
      life: process.life,
      dice: dice.fork('heir'),
    })
    if (!heir) return
    kernel.setsid(heir)
    heir.detached = true
    attitude(dice.chance(0.3) ? 'stubborn' : 'steady', heir)
    if (times > 1) succeed(heir, around, times - 1)
    else if (dice.chance(0.05)) {
      heir.environ = ''
      heir.cleared = true
    }
    kernel.exit(process, { code: 0, signal: null })
  })
}
