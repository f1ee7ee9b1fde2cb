/** What each state of an agent is about, and so its colour: in pictures, and in the page. */
import type { AgentState } from '../../machines/events.ts'
import type { Tone } from './picture.ts'

export const AGENT_TONES: Readonly<Record<AgentState, Tone>> = {
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
