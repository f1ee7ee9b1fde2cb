/** The pictures that are kept in `diagrams/`: what each shows, and how it is laid out. */
import { agentMachine } from '../../machines/agent.ts'
import { supervisorMachine } from '../../machines/supervisor.ts'
import type { Layout } from './dot.ts'
import { type Graph, graphOf } from './graph.ts'
import type { Tone, View } from './picture.ts'
import { AGENT_TONES } from './tones.ts'

export interface NamedView {
  readonly name: string
  readonly graph: Graph
  readonly view: View
  readonly layout: Layout
}

/** Of the root, and of every group. */
export const SUPERVISOR_TONES = {
  running: 'run',
  regrouping: 'doubt',
  giving_up: 'ending',
  resting: 'between',
  stopping: 'ending',
  failed: 'end',
  stopped: 'end',
} as const satisfies Readonly<Record<string, Tone>>

/** What an agent's supervisor does between two of its lives. A test walks each of these. */
const BETWEEN_LIVES: NonNullable<View['beyond']> = {
  states: ['restarting'],
  arrows: [
    { from: 'killed', to: 'restarting', word: 'stall, or restart()' },
    { from: 'crashed', to: 'restarting', word: 'restart policy' },
    { from: 'completed', to: 'restarting', word: 'permanent' },
    { from: 'restarting', to: 'spawning', word: 'the next life' },
    { from: 'restarting', to: 'killed', word: 'stop' },
  ],
}

const ADOPTED = 'taken over from a supervisor that died, it goes on where it stood'
const OTHER_DOORS: NonNullable<View['leaveOut']> = {
  faultedAfterExit: 'a fault of Reeve itself',
  faultedWithProcess: 'a fault of Reeve itself',
  faultedWithoutProcess: 'a fault of Reeve itself',
  wasSpawning: ADOPTED,
  wasPreStarting: ADOPTED,
  wasIdle: ADOPTED,
  wasWaiting: ADOPTED,
  wasRunning: ADOPTED,
  wasStalling: ADOPTED,
  wasAwaitingPid: ADOPTED,
  wasKilling: ADOPTED,
  wasClimbing: ADOPTED,
  wasReapingGently: ADOPTED,
  wasReaping: ADOPTED,
}

const AGENT_GLOSS: NonNullable<View['gloss']> = {
  spawning: 'asked for, no process yet',
  pre_starting: 'a process, not ready yet',
  running: 'working, idle or waiting',
  stalling: 'its heartbeat is overdue',
  terminating: 'on the stop ladder',
  reaping: 'what is left is ended, hooks run',
  restarting: 'between two lives',
  'terminating.awaiting_pid': 'the launch is withdrawn',
  'terminating.climbing': 'a signal, then its wait',
  'terminating.killing': 'SIGKILL to the whole tree',
  'reaping.sweeping_gently': 'SIGTERM to the rest, 1 s',
  'reaping.sweeping': 'SIGKILL to the rest',
  'reaping.cleaning': 'the clean-up hooks run',
}

const ENDS = ['killed', 'crashed', 'completed']

export const VIEWS: readonly NamedView[] = [
  {
    name: 'agent',
    graph: graphOf(agentMachine),
    view: {
      title: "An agent's life",
      opened: [],
      tones: AGENT_TONES,
      gloss: AGENT_GLOSS,
      leaveOut: OTHER_DOORS,
      unsaid: ['terminating.awaiting_pid'],
      beyond: BETWEEN_LIVES,
    },
    layout: {
      lines: [['spawning', 'pre_starting', 'running', 'terminating', 'reaping', 'completed']],
      rows: [ENDS],
      arrows: { 'restarting → spawning': { headport: 'ne' } },
    },
  },
  {
    name: 'agent-detail',
    graph: graphOf(agentMachine),
    view: {
      title: "An agent's life, in detail",
      opened: ['terminating', 'reaping'],
      tones: AGENT_TONES,
      gloss: AGENT_GLOSS,
      leaveOut: OTHER_DOORS,
      beyond: BETWEEN_LIVES,
    },
    layout: {
      lines: [
        ['spawning', 'pre_starting', 'running'],
        ['terminating.climbing', 'terminating.killing'],
        ['reaping.sweeping', 'reaping.cleaning', 'completed'],
      ],
      rows: [ENDS],
      arrows: { 'restarting → spawning': { tailport: 'e', headport: 'ne', constraint: 'false' } },
    },
  },
  {
    name: 'supervisor',
    graph: graphOf(supervisorMachine),
    view: {
      title: 'A supervisor, the root or a group',
      opened: ['regrouping'],
      tones: SUPERVISOR_TONES,
      gloss: {
        running: 'takes spawns, keeps its agents',
        'regrouping.ending': 'who goes with it, the last one first',
        'regrouping.pausing': 'the backoff of the one that failed',
        'regrouping.starting': 'the first one first, each once ready',
        giving_up: 'all are ended',
        resting: 'all are down, its parent decides',
        stopping: 'last spawned, first told',
        failed: 'no member comes back',
        stopped: 'nothing runs any more',
      },
      leaveOut: { MOVED: 'goes on with the next one', moreAbreast: 'goes on with the next 200' },
    },
    layout: {
      lines: [
        ['running', 'regrouping.ending', 'regrouping.pausing', 'regrouping.starting'],
        ['giving_up', 'resting'],
        ['stopping', 'stopped'],
      ],
      rows: [['failed', 'stopped']],
    },
  },
]
