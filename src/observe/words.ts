/** The machines' names in plain words, for the edges of a picture. An edge that has none here cannot be drawn. */
import type { GraphEdge } from './graph.ts'

export interface Words {
  readonly events: Readonly<Record<string, string>>
  readonly delays: Readonly<Record<string, string>>
  /** Of an edge that has a guard: says more than its event would. */
  readonly guards: Readonly<Record<string, string>>
  /** Of an `always` without a guard, by the state that it leaves. */
  readonly otherwise: Readonly<Record<string, string>>
}

export const WORDS: Words = {
  events: {
    SPAWNED: 'process there',
    SPAWN_FAILED: 'could not start',
    READY: 'ready',
    STALLED: 'silent too long',
    HEARTBEAT: 'heartbeat',
    EXTENDED: 'asks for time',
    EXITED: 'exit',
    STOP: 'stop',
    KILL: 'kill',
    SWEPT: 'tree is gone',
    CLEANED: 'hooks have run',
    SHUTDOWN: 'stop',
    END: 'stop',
    START: 'its parent starts it',
    FAILED: 'a member failed',
    GAVE_UP: 'intensity exceeded',
    AUTO_SHUTDOWN: 'autoShutdown',
    RESUME: 'restart()',
    MOVED: 'one is gone, or ready',
  },
  delays: {
    spawnTimeout: 'no process in time',
    readyTimeout: 'not ready in time',
    stallGrace: 'grace is over',
    rungWait: "rung's time is over",
    killWait: 'still there: again',
    sweepLimit: 'no answer in time',
    cleanupLimit: "hooks' time is over",
    turn: 'the next 200',
    pause: 'backoff is over',
    killAfter: 'time to kill',
    giveUpAfter: 'time is over',
  },
  guards: {
    faultedAfterExit: 'after a fault',
    faultedWithProcess: 'after a fault',
    faultedWithoutProcess: 'after a fault',
    wasSpawning: 'adopted',
    wasPreStarting: 'adopted',
    wasIdle: 'adopted',
    wasWaiting: 'adopted',
    wasRunning: 'adopted',
    wasStalling: 'adopted',
    wasAwaitingPid: 'adopted',
    wasKilling: 'adopted',
    wasClimbing: 'adopted',
    wasReapingGently: 'adopted',
    wasReaping: 'adopted',
    readyAtSpawn: 'ready',
    endedBefore: 'exit',
    treeSignalled: 'exit after a signal',
    noRungs: 'no rungs',
    rungsLeft: 'next rung',
    nothingToClean: 'no hooks',
    endedByRequest: 'its end was asked for',
    endedWell: 'by itself, well',
    saysWorking: 'report',
    saysIdle: 'report',
    saysWaiting: 'report',
    allGone: 'all gone',
    allDown: 'all down',
    allTold: 'none left to end',
    allStarted: 'all ready',
    moreAbreast: 'the next 200',
    oneAfterAnother: 'one is gone',
    killIsDue: 'time to kill',
    givingUpIsDue: 'time is over',
    isForGood: 'stop',
    hadGivenUp: 'not again',
  },
  otherwise: {
    born: 'spawn',
    'reaping.cleaned': 'by itself, badly',
  },
}

/** The words of one edge. Throws when there are none: a new event is named here before it is drawn. */
export function wordOf(edge: GraphEdge, words: Words = WORDS): string {
  const word =
    (edge.guard === null ? undefined : words.guards[edge.guard]) ??
    { on: words.events[edge.name], after: words.delays[edge.name], always: words.otherwise[edge.from] }[
      edge.kind
    ]
  if (word === undefined)
    throw new Error(`no word for the edge "${edge.id}" (guard: ${edge.guard ?? 'none'})`)
  return word
}
