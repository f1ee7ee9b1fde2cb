/** The pictures that are kept in `diagrams/`: what each shows, and how it is laid out. */
import { agentMachine } from '../../machines/agent.ts'
import { supervisorMachine } from '../../machines/supervisor.ts'
import type { Layout } from './dot.ts'
import { type Graph, graphOf } from './graph.ts'
import type { Tone, View } from './picture.ts'

export interface NamedView {
  readonly name: string
  readonly graph: Graph
  readonly view: View
  readonly layout: Layout
}

const AGENT_TONES: Readonly<Record<string, Tone>> = {
  spawning: 'start',
  pre_starting: 'start',
  running: 'run',
  stalling: 'doubt',
  terminating: 'ending',
  reaping: 'ending',
  killed: 'end',
  crashed: 'end',
  completed: 'end',
  restarting: 'between',
}

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
      title: 'A supervisor',
      opened: ['stopping'],
      tones: { running: 'run', stopping: 'ending', stopped: 'end' },
      gloss: {
        running: 'takes spawns, keeps its agents',
        'stopping.signalling': 'last spawned, first told',
        'stopping.waiting': 'for the ladders to end',
        'stopping.forcing': 'SIGKILL to the rest',
        stopped: 'nothing runs any more',
      },
    },
    layout: {
      lines: [['running', 'stopping.signalling', 'stopping.waiting', 'stopping.forcing', 'stopped']],
      rows: [],
    },
  },
]
