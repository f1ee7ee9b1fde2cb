/**
 * The chart of one life, and nothing else: what each action does stands in `life.ts`.
 *
 * `spawning → pre_starting → running ⇄ stalling → terminating → reaping → killed | crashed | completed`
 */

import { contextOf } from './context.ts'
import type { AgentState, EntryEvent } from './events.ts'
import { life } from './life.ts'
import { outputOf } from './telling.ts'

/** Tells the log of a change of state, and remembers it as the one last told. */
const tell = (to: AgentState, event: EntryEvent) =>
  [
    { type: 'enter', params: { to, event } },
    { type: 'entered', params: { to } },
  ] as const
const note = (event: EntryEvent) => ({ type: 'note', params: { event } }) as const

/** Asking for an end, and an exit that nobody asked for: the same in every state that has a process. */
const endings = {
  STOP: {
    target: '#life.terminating.climbing',
    actions: ['asked', 'startLadder', ...tell('terminating', 'stop')],
  },
  KILL: {
    target: '#life.terminating.killing',
    actions: ['asked', 'startLadder', ...tell('terminating', 'kill')],
  },
  EXITED: { target: '#life.reaping.sweeping_gently', actions: ['setExit', ...tell('reaping', 'exit')] },
} as const

/**
 * A transient door. A life asks for a process, but for one whose first actor faulted, which is ended, and for one that a
 * supervisor before began, which goes on where the log has it.
 */
const born = life.createStateConfig({
  always: [
    {
      guard: 'faultedAfterExit',
      target: 'reaping.sweeping',
      actions: tell('reaping', 'fault'),
    },
    {
      guard: 'faultedWithProcess',
      target: 'terminating.climbing',
      actions: ['startLadder', ...tell('terminating', 'fault')],
    },
    {
      guard: 'faultedWithoutProcess',
      target: 'terminating.awaiting_pid',
      actions: ['startLadder', ...tell('terminating', 'fault')],
    },
    { guard: 'wasSpawning', target: 'spawning' },
    { guard: 'wasPreStarting', target: 'pre_starting' },
    { guard: 'wasIdle', target: 'running.idle' },
    { guard: 'wasWaiting', target: 'running.waiting' },
    { guard: 'wasRunning', target: 'running.working' },
    { guard: 'wasStalling', target: 'stalling' },
    { guard: 'wasAwaitingPid', target: 'terminating.awaiting_pid' },
    { guard: 'wasKilling', target: 'terminating.killing' },
    { guard: 'wasClimbing', target: 'terminating.climbing' },
    { guard: 'wasReapingGently', target: 'reaping.sweeping_gently' },
    { guard: 'wasReaping', target: 'reaping.sweeping' },
    { target: 'spawning', actions: tell('spawning', 'spawn') },
  ],
})

const spawning = life.createStateConfig({
  entry: 'launch',
  on: {
    SPAWNED: { target: 'pre_starting', actions: ['setProcess', ...tell('pre_starting', 'spawned')] },
    SPAWN_FAILED: {
      target: 'reaping.cleaning',
      actions: ['setSpawnError', 'setEscaped', ...tell('reaping', 'spawn_failed')],
    },
    STOP: {
      target: 'terminating.awaiting_pid',
      actions: ['asked', 'startLadder', ...tell('terminating', 'stop')],
    },
    KILL: {
      target: 'terminating.awaiting_pid',
      actions: ['asked', 'startLadder', ...tell('terminating', 'kill')],
    },
  },
  after: {
    spawnTimeout: {
      target: 'reaping.sweeping',
      actions: ['setSpawnError', 'withdrawLaunch', ...tell('reaping', 'spawn_failed')],
    },
  },
})

const pre_starting = life.createStateConfig({
  always: { guard: 'readyAtSpawn', target: 'running', actions: ['setWorking', ...tell('running', 'ready')] },
  on: {
    ...endings,
    READY: { target: 'running', actions: ['setWorking', 'clearEvidence', ...tell('running', 'ready')] },
    PROBED: { actions: 'setEvidence' },
    ACTIVITY: { actions: ['setActivity', note('activity')] },
    // Entered anew: only so is its delay reckoned anew.
    EXTENDED: { target: 'pre_starting', reenter: true, actions: ['setReadyBy', note('extend')] },
  },
  after: {
    readyTimeout: {
      target: 'terminating.climbing',
      actions: ['blameReadiness', 'startLadder', ...tell('terminating', 'ready_timeout')],
    },
  },
})

/** The activity said last stands in the states below; heartbeats of a running life never come this far. */
const running = life.createStateConfig({
  initial: 'working',
  states: { working: {}, idle: {}, waiting: {} },
  on: {
    ...endings,
    ACTIVITY: [
      { guard: 'saysWorking', target: '.working', actions: ['setActivity', note('activity')] },
      { guard: 'saysIdle', target: '.idle', actions: ['setActivity', note('activity')] },
      { guard: 'saysWaiting', target: '.waiting', actions: ['setActivity', note('activity')] },
    ],
    EXTENDED: { actions: note('extend') },
    STALLED: { target: 'stalling', actions: ['setEvidence', ...tell('stalling', 'deadline')] },
  },
})

/** Silence is evidence, not a verdict: any sign of life undoes it. */
const stalling = life.createStateConfig({
  on: {
    ...endings,
    HEARTBEAT: {
      target: 'running.working',
      actions: ['setWorking', 'clearEvidence', ...tell('running', 'heartbeat')],
    },
    ACTIVITY: [
      {
        guard: 'saysWorking',
        target: 'running.working',
        actions: ['setActivity', 'clearEvidence', ...tell('running', 'activity')],
      },
      {
        guard: 'saysIdle',
        target: 'running.idle',
        actions: ['setActivity', 'clearEvidence', ...tell('running', 'activity')],
      },
      {
        guard: 'saysWaiting',
        target: 'running.waiting',
        actions: ['setActivity', 'clearEvidence', ...tell('running', 'activity')],
      },
    ],
  },
  after: {
    stallGrace: {
      guard: 'stallTerminates',
      target: 'terminating.climbing',
      actions: ['blameStall', 'startLadder', ...tell('terminating', 'deadline')],
    },
  },
})

const terminating = life.createStateConfig({
  initial: 'climbing',
  entry: 'clearActivity',
  on: {
    SIGNALLED: { actions: ['setReached', note('rung')] },
    ASKED: { actions: ['setReached', note('rung')] },
    EXITED: [
      // Its last report used up what it had, and with that it was done: nothing that was asked has reached it.
      {
        guard: 'endedBefore',
        target: 'reaping.sweeping_gently',
        actions: ['setExit', 'withdrawReason', ...tell('reaping', 'exit')],
      },
      {
        guard: 'treeSignalled',
        target: 'reaping.sweeping',
        actions: ['setExit', ...tell('reaping', 'exit')],
      },
      // Only the leader was asked, and ended by itself: what it left has had no signal yet.
      { target: 'reaping.sweeping_gently', actions: ['setExit', ...tell('reaping', 'exit')] },
    ],
  },
  states: {
    /** Asked to end before there was a process: the launch is withdrawn, and what still comes up is ended. */
    awaiting_pid: {
      entry: 'withdrawLaunch',
      on: {
        SPAWNED: [
          { guard: 'isForced', target: 'killing', actions: ['setProcess'] },
          { target: 'climbing', actions: ['setProcess', 'restartLadder'] },
        ],
        SPAWN_FAILED: {
          target: '#life.reaping.cleaning',
          actions: ['setEscaped', ...tell('reaping', 'spawn_failed')],
        },
        STOP: { actions: ['asked', 'hasten'] },
        KILL: { actions: ['asked'] },
      },
      after: {
        spawnTimeout: { target: '#life.reaping.sweeping', actions: [...tell('reaping', 'spawn_failed')] },
      },
    },
    /** One state for every rung: where it stands is data (`ladder`). */
    climbing: {
      entry: ['takeRung', 'rungTaken'],
      always: { guard: 'noRungs', target: 'killing' },
      on: {
        STOP: { target: 'climbing', reenter: true, actions: ['asked', 'hasten'] },
        KILL: { target: 'killing', actions: ['asked', note('kill')] },
      },
      after: {
        rungWait: [
          { guard: 'rungsLeft', target: 'climbing', reenter: true, actions: 'climb' },
          { target: 'killing' },
        ],
      },
    },
    /** SIGKILL to the whole tree, again every `killWait` until it is gone. */
    killing: {
      entry: ['killTree', 'markForced'],
      on: { STOP: { actions: 'asked' }, KILL: { actions: 'asked' } },
      after: { killWait: { target: 'killing', reenter: true, actions: 'noteKillFailed' } },
    },
  },
})

const swept = [
  { guard: 'foundSurvivors', target: 'cleaning', actions: ['setEscaped', note('swept')] },
  { target: 'cleaning' },
] as const

/** The leader is gone, or never came: the rest of the tree is ended and verified, then clean-up runs. */
const reaping = life.createStateConfig({
  initial: 'sweeping',
  entry: 'clearActivity',
  on: { STOP: { actions: 'noCleanup' }, KILL: { actions: 'noCleanup' } },
  states: {
    /** After its own exit, asked for or not: SIGTERM to what it left, SIGKILL after 1 s. */
    sweeping_gently: {
      entry: 'sweepGently',
      on: { SWEPT: swept, KILL: { target: 'sweeping', actions: 'noCleanup' } },
      after: { sweepLimit: { target: 'cleaning', actions: 'setUnverified' } },
    },
    /** After a ladder: the tree had its grace, SIGKILL at once. */
    sweeping: {
      entry: 'sweepAtOnce',
      on: { SWEPT: swept },
      after: { sweepLimit: { target: 'cleaning', actions: 'setUnverified' } },
    },
    cleaning: {
      entry: 'cleanUp',
      always: { guard: 'nothingToClean', target: 'cleaned' },
      // A sweep that was given up may answer yet: what it names is named.
      on: { CLEANED: { target: 'cleaned' }, SWEPT: { actions: 'setEscaped' } },
      after: { cleanupLimit: { target: 'cleaned', actions: 'noteCleanupOverdue' } },
    },
    cleaned: {
      always: [
        { guard: 'endedByRequest', target: '#life.killed' },
        { guard: 'endedWell', target: '#life.completed' },
        { target: '#life.crashed' },
      ],
    },
  },
})

/** The end itself is told by the parent, which alone knows whether a further life follows. */
export const agentMachine = life.createMachine({
  id: 'life',
  initial: 'born',
  context: ({ input }) => contextOf(input),
  on: { NOTE: { actions: 'noteAsAsked' } },
  states: {
    born,
    spawning,
    pre_starting,
    running,
    stalling,
    terminating,
    reaping,
    killed: { type: 'final' },
    crashed: { type: 'final' },
    completed: { type: 'final' },
  },
  output: ({ context }) => outputOf(context),
})
