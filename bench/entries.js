/** Entries as supervisors write them: whole lives, one after another. */
/** @import { Entry } from '../src/index.ts' */

/**
 * @param {string} supervisorId
 * @param {number} count
 * @returns {Entry[]}
 */
export function entriesOf(supervisorId, count) {
  const atMs = Date.now() - count
  return Array.from({ length: count }, (_, i) => {
    const life = Math.floor(i / LIFE.length)
    const { more, ...step } = LIFE[i % LIFE.length] ?? FIRST
    const agentId = `${supervisorId}-${life}`
    return Object.freeze({
      seq: i + 1,
      at: new Date(atMs + i).toISOString(),
      supervisorId,
      host: 'bench',
      agentId,
      name: `agent-${life}`,
      incarnation: 1,
      ...step,
      ...more?.(agentId),
      task: `TASK-${life % 100}`,
      labels: { team: 'bench' },
    })
  })
}

const process = () => ({ pid: 12_345, startTime: 678_901, bootId: '0f0e0d0c-0b0a-4908-8706-050403020100' })
const reason = /** @type {const} */ ({ kind: 'user', by: 'bench' })

/** @typedef {Pick<Entry, 'from' | 'to' | 'event'> & { more?: (agentId: string) => Partial<Entry> }} Step */

/** @type {Step} */
const FIRST = {
  from: null,
  to: 'spawning',
  event: 'spawn',
  more: (agentId) => ({
    command: ['agent', '--task', 'x'],
    cwd: '/srv',
    logFile: `/srv/logs/${agentId}.log`,
  }),
}
/** @type {readonly Step[]} */
const LIFE = [
  FIRST,
  { from: 'spawning', to: 'pre_starting', event: 'spawned', more: process },
  { from: 'pre_starting', to: 'running', event: 'ready', more: process },
  { from: 'running', to: 'terminating', event: 'stop', more: () => ({ ...process(), reason }) },
  {
    from: 'terminating',
    to: 'terminating',
    event: 'rung',
    more: () => ({
      ...process(),
      reason,
      evidence: { signal: 'SIGTERM', waitMs: 10_000, signalled: [{ pid: 12_345, where: 'leader' }] },
    }),
  },
  {
    from: 'terminating',
    to: 'reaping',
    event: 'exit',
    more: () => ({ ...process(), reason, exit: { code: null, signal: 'SIGTERM' } }),
  },
  {
    from: 'reaping',
    to: 'killed',
    event: 'swept',
    more: () => ({ ...process(), reason, exit: { code: null, signal: 'SIGTERM' } }),
  },
]
