/** One entry of the simulated process table. */
import type { Exit } from '../../../machines/events.ts'
import type { Dice } from '../dice.ts'
import type { Due } from '../time.ts'

export interface SimProcess {
  readonly pid: number
  /** Clock ticks since boot. */
  readonly startTime: number
  readonly comm: string
  ppid: number
  pgrp: number
  session: number
  /** As `/proc` says it: running, stopped, in uninterruptible sleep, waiting to be waited for. */
  state: 'R' | 'T' | 'D' | 'Z'
  environ: string
  /** `exec` is under way: the environment reads empty for a moment. */
  execing: boolean
  /** The truth that no other process can see: whose life it is of, and whether it leads it. `null`: a stranger's. */
  readonly life: string | null
  readonly leads: boolean
  /** Its life is allowed to leave it behind. */
  detached: boolean
  /** The known limit: it overwrote its environment and lost its parent. */
  cleared: boolean
  readonly dice: Dice
  readonly ignores: Set<NodeJS.Signals>
  /** Signals after which it tidies up for so long, and exits with this code. */
  readonly handles: Map<NodeJS.Signals, { readonly afterMs: number; readonly code: number }>
  /** What arrived while it could take nothing. */
  pending: NodeJS.Signals[]
  /** It asked for time, and says nothing until then. */
  quietUntilMs: number
  cpuMs: number
  childCpuMs: number
  /** Resident memory. */
  pages: number
  exit: Exit | null
  diedAtMs: number | null
  /** Told when it has been waited for by a launcher: Node's `exit` event. */
  onExit: ((exit: Exit) => void) | null
  /** Never waits for its children. */
  readonly neglects: boolean
  /** What it will do by itself. */
  readonly plans: Set<Due>
}

export const lives = (process: SimProcess): boolean => process.state !== 'Z'
