/**
 * A world in which processes cost nothing: what is left to measure are machines, log and records. Its launcher
 * answers at the end of the turn, every agent goes at the first signal, and whoever asks speaks for the agents.
 */
/** @import { Outside } from '../src/outside.ts' */
/** @import { LifeAddress, LifeAnswer } from '../machines/events.ts' */
/** @import { ReportsOptions } from '../src/health/reports.ts' */

export function simulated() {
  let pid = 1_000_000
  /** @type {ReportsOptions['onReport']} */
  let hear = () => {}
  /** @type {Outside} */
  const outside = {
    async lockHome() {
      return { release() {} }
    },
    async startLauncher({ events }) {
      const answer = (/** @type {LifeAnswer} */ each) =>
        queueMicrotask(() => events.answer(/** @type {never} */ (each)))
      return {
        pid: 0,
        kept: [],
        adopt: () => {},
        dismiss: () => {},
        acknowledge: () => {},
        launch: ({ agentId, incarnation }) => {
          pid += 1
          const process = { bootId: 'simulated', pid, startTime: pid }
          answer({ type: 'SPAWNED', agentId, incarnation, process })
        },
        signal: ({ agentId, incarnation }, signal) => {
          answer({ type: 'SIGNALLED', agentId, incarnation, signal, signalled: [{ pid, where: 'leader' }] })
          answer({ type: 'EXITED', agentId, incarnation, exit: { code: null, signal } })
        },
        ask: () => {},
        sweep: ({ agentId, incarnation }) =>
          answer({ type: 'SWEPT', agentId, incarnation, swept: [], escaped: [] }),
        usage: async () => [],
        vitals: async () => [],
        run: async () => ({ failure: null }),
        leave: () => {},
        watch: () => {},
        withdraw: () => {},
        release: () => {},
        close: async () => {},
      }
    },
    openReports(options) {
      hear = options.onReport
      return {
        expect: ({ agentId, incarnation }) => `${agentId}.${incarnation}`,
        adopt: ({ agentId, incarnation }) => `${agentId}.${incarnation}`,
        path: ({ agentId, incarnation }) => `${agentId}.${incarnation}`,
        drain: () => true,
        end: async () => {},
        close: () => {},
      }
    },
    logSize: () => 0,
    logLook: async () => ({ size: 0, ageMs: undefined }),
    readLog: async function* () {},
    openSpill: () => {
      throw new Error('nothing is written ahead here')
    },
    replaySpills: async () => {},
    openSpecs: () => {
      throw new Error('nothing is left to a successor here')
    },
    whose: () => 'nobodys',
    isDeserted: async () => false,
    lastWrittenMs: () => undefined,
    capacity: () => ({ memoryFreeBytes: undefined, cpuLoad: undefined }),
    random: Math.random,
  }
  /** A report as it comes from an agent's file. */
  const report = (/** @type {LifeAddress} */ life, /** @type {number} */ offset) =>
    hear(life, { type: 'beat' }, offset)
  return { outside, report }
}
