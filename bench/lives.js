/**
 * What an agent weighs and what one full life costs (asked for, running, stopped by its ladder, swept, recorded), with
 * a simulated launcher. Raw: the machines alone, whose effects answer and whose entries nobody folds.
 */
/** @import { Benchmark, Row } from './types.ts' */
/** @import { Agent } from '../src/index.ts' */
import path from 'node:path'
import { createActor } from 'xstate'
import {
  loadAgentMachine,
  loadChildren,
  loadClock,
  loadEffects,
  loadScheduler,
  loadSupervisor,
  loadSupervisorMachine,
} from './built.js'
import { cpuMsSince, figure, interleave } from './figures.js'
import { inScratch } from './scratch.js'
import { simulated } from './simulated.js'

const SIZES = /** @type {const} */ ({
  full: { besides: [100, 1000, 10_000], lives: 1000, times: 2 },
  quick: { besides: [100, 1000], lives: 300, times: 1 },
  tiny: { besides: [10], lives: 10, times: 1 },
})
/** Lives that are begun in one turn. */
const AT_ONCE = 100

/** @type {Benchmark} */
export const benchmark = {
  name: 'lives',
  about: 'agents in the machines, launcher simulated',
  async run(size) {
    const { besides, lives, times } = SIZES[size]
    // Code is compiled by a first crew, which is not measured.
    await inScratch((dir) => wholes(path.join(dir, 'warm'), 10, lives))
    await machinesAlone(10, lives)
    /** @type {Row[]} */
    const rows = []
    /** @type {number[]} */
    const costs = []
    for (const beside of besides) {
      const [ours, theirs] = await inScratch((dir) => {
        let homes = 0
        return interleave(
          times,
          () => wholes(path.join(dir, `home-${++homes}`), beside, lives),
          () => machinesAlone(beside, lives),
        )
      })
      const rawIs = 'machines alone'
      const n = beside.toLocaleString('en')
      const of = (/** @type {(each: Weighed) => number} */ what) => ({
        measured: figure(ours.map(what)),
        raw: figure(theirs.map(what)),
        rawIs,
      })
      const full = of(({ lifeUs }) => lifeUs)
      costs.push(full.measured.value)
      rows.push({
        what: `heap per agent, ${n} running`,
        unit: 'KB',
        ...of(({ kb }) => kb),
        target: { of: 'value', atMost: 12 },
      })
      rows.push({
        what: `CPU of a full life beside ${n}`,
        unit: 'µs',
        ...full,
        target: { of: 'value', atMost: 600 },
      })
    }
    const flat = (costs.at(-1) ?? Number.NaN) / (costs[0] ?? Number.NaN)
    rows.push({
      what: 'a life beside the most : beside the fewest',
      unit: '×',
      measured: figure([flat]),
      target: { of: 'value', atMost: 1.5 },
    })
    return {
      rows,
      notes: [
        `a life is the median of the means of ${lives} lives, ${AT_ONCE} at once, ${times} times; garbage collection included`,
      ],
    }
  },
}

/** @typedef {{ readonly kb: number, readonly lifeUs: number }} Weighed */

/**
 * @param {number} beside how many run meanwhile
 * @param {number} lives
 * @param {{ keep: (count: number) => Promise<void>, live: (count: number) => Promise<void> }} crew
 * @returns {Promise<Weighed>}
 */
async function weighed(beside, lives, { keep, live }) {
  await live(1)
  const before = await heapBytes()
  await keep(beside)
  const kb = ((await heapBytes()) - before) / beside / 1024
  /** @type {number[]} */
  const costs = []
  for (let done = 0; done < lives; done += AT_ONCE) {
    const count = Math.min(AT_ONCE, lives - done)
    const cpu = process.cpuUsage()
    await live(count)
    costs.push((cpuMsSince(cpu) * 1000) / count)
  }
  // Collections come now and then: the mean has them, and the noise of the machine, which CPU time hardly has.
  return { kb, lifeUs: costs.reduce((sum, each) => sum + each, 0) / costs.length }
}

async function heapBytes() {
  // Code that is no longer used goes only after several collections.
  let bytes = Number.POSITIVE_INFINITY
  for (let i = 0; i < 8; i += 1) {
    await new Promise((resolve) => setImmediate(resolve))
    globalThis.gc?.()
    bytes = Math.min(bytes, process.memoryUsage().heapUsed)
  }
  return bytes
}

/**
 * @param {string} home
 * @param {number} beside
 * @param {number} lives
 */
async function wholes(home, beside, lives) {
  const { superviseIn } = await loadSupervisor()
  const reeve = await superviseIn(simulated().outside, { home })
  const spawn = () => reeve.spawn({ command: ['agent', '--task', 'none'] })
  try {
    return await weighed(beside, lives, {
      async keep(count) {
        for (let i = 0; i < count; i += AT_ONCE)
          await Promise.all(Array.from({ length: Math.min(AT_ONCE, count - i) }, () => spawn().ready))
      },
      async live(count) {
        /** @type {Agent[]} */
        const agents = Array.from({ length: count }, spawn)
        await Promise.all(agents.map((agent) => agent.ready))
        await Promise.all(agents.map((agent) => agent.stop()))
      },
    })
  } finally {
    await reeve.stop({ timeout: '20s' })
  }
}

/**
 * @param {number} beside
 * @param {number} lives
 */
async function machinesAlone(beside, lives) {
  const [
    { agentMachine },
    { childrenLogic },
    { effectActions },
    { supervisorMachine },
    { realClock },
    { useIndexedScheduler },
  ] = await Promise.all([
    loadAgentMachine(),
    loadChildren(),
    loadEffects(),
    loadSupervisorMachine(),
    loadClock(),
    loadScheduler(),
  ])
  const answer = (/** @type {Parameters<typeof root.send>[0]} */ event) =>
    queueMicrotask(() => root.send(event))
  const actions = effectActions(
    {
      launch: ({ agentId, incarnation }) =>
        answer({ type: 'SPAWNED', agentId, incarnation, process: { bootId: 'none', pid: 1, startTime: 1 } }),
      takeRung: ({ agentId, incarnation }, rung) => {
        const signal = 'signal' in rung ? rung.signal : 'SIGINT'
        answer({ type: 'SIGNALLED', agentId, incarnation, signal, signalled: [] })
        answer({ type: 'EXITED', agentId, incarnation, exit: { code: null, signal } })
      },
      sweepTree: ({ agentId, incarnation }) =>
        answer({ type: 'SWEPT', agentId, incarnation, swept: [], escaped: [] }),
      withdrawLaunch: () => {},
      killTree: () => {},
      cleanUp: () => {},
    },
    (cause) => {
      throw cause
    },
  )
  const machine = supervisorMachine.provide({
    actors: { children: childrenLogic(agentMachine.provide({ actions })) },
  })
  const ports = { now: () => performance.now(), random: Math.random, abandon: () => {}, fault: () => {} }
  const root = createActor(machine, { clock: realClock, input: { ports } })
  useIndexedScheduler(root, realClock)
  root.start()
  let ids = 0
  let running = 0
  let ended = 0
  root.on('transition', ({ entry, ended: over }) => {
    if (entry.to === 'running') running += 1
    if (over) ended += 1
  })
  const turn = () => new Promise((resolve) => setImmediate(resolve))
  const begin = async (/** @type {number} */ count) => {
    const first = ids
    const upTo = running + count
    for (; ids < first + count; ids += 1) {
      const agentId = `agent-${ids}`
      root.send({ type: 'SPAWN', child: { ...CHILD, agentId, name: agentId } })
    }
    while (running < upTo) await turn()
    return first
  }
  try {
    return await weighed(beside, lives, {
      async keep(count) {
        for (let i = 0; i < count; i += AT_ONCE) await begin(Math.min(AT_ONCE, count - i))
      },
      async live(count) {
        const first = await begin(count)
        const upTo = ended + count
        for (let i = first; i < first + count; i += 1)
          root.send({ type: 'STOP', agentId: `agent-${i}`, reason: { kind: 'user', by: 'bench' } })
        while (ended < upTo) await turn()
      },
    })
  } finally {
    root.stop()
  }
}

/** @satisfies {Omit<import('../machines/members.ts').ChildSpec, 'agentId' | 'name'>} */
const CHILD = /** @type {const} */ ({
  incarnation: 1,
  from: null,
  life: {
    spawnTimeoutMs: 10_000,
    readyAtSpawn: true,
    readyTimeoutMs: 30_000,
    onStall: 'report',
    stallGraceMs: 30_000,
    rungs: [{ signal: 'SIGTERM', waitMs: 10_000 }],
    killWaitMs: 5_000,
    cleanupLimitMs: null,
    exitCodes: [0],
  },
  restart: {
    type: 'temporary',
    backoff: { initialMs: 1_000, factor: 2, maxMs: 60_000, jitter: 0.2, resetAfterMs: 60_000 },
    intensity: { restarts: 5, withinMs: 60_000 },
    noRetry: [],
  },
})
