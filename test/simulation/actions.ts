/** What may happen in a step. Each by dice of its own, on names and not on places: what is left out changes no other. */
import { type Entry, lifeKey } from '../../machines/events.ts'
import type { StopOptions } from '../../src/kill.ts'
import type { Dice } from './dice.ts'
import type { Embedder, Known } from './embedder.ts'
import { lives } from './kernel/process.ts'
import { MOODS } from './outside/store.ts'
import { endBoundMs, specOf } from './specs.ts'
import type { World } from './world.ts'

const NAMES = ['ada', 'bob', 'cyd', 'dee', 'eve', 'fay', 'gus', 'hal'] as const
const QUERY_MS = 5_200

export interface Step {
  readonly world: World
  readonly dice: Dice
  readonly number: number
}

type Action = (step: Step) => void | Promise<void>

const holder = ({ world: { embedder } }: Step, name: string): Known | undefined => {
  const id = embedder.supervisor.get(name)?.id
  return id === undefined ? undefined : embedder.known.get(id)
}

/** A user's word on one agent: a wish that holds from now on, when the agent has not ended. */
function end(step: Step, how: 'stop' | 'kill', name: string, options: StopOptions): void {
  const { embedder } = step.world
  const known = holder(step, name)
  const lives = known !== undefined && embedder.supervisor.list({ id: known.agent.id }).length > 0
  if (known && lives) embedder.wish(known.agent.id, 'end')
  const what = `${how} ${name} (${known?.agent.id}) ${JSON.stringify(options)}`
  embedder.ask(what, known ? endBoundMs(known.spec) : 0, () => embedder.supervisor[how](name, options))
}

const stopOptions = (dice: Dice): StopOptions => ({
  ...(dice.chance(0.3) && { grace: dice.pick([0, 50, 1_000]) }),
  ...(dice.chance(0.2) && { cleanup: false }),
  ...(dice.chance(0.3) && { reason: 'enough' }),
})

const longest = ({ known }: Embedder): number =>
  Math.max(0, ...[...known.values()].map(({ spec }) => endBoundMs(spec)))

const spawn: Action = ({ world, dice, number }) => {
  world.embedder.spawn(specOf(world, dice, `a${number}`, dice.pick(NAMES)))
}

export const ACTIONS: Readonly<Record<string, { readonly weight: number; readonly run: Action }>> = {
  spawn: { weight: 20, run: spawn },

  'spawn again by id': {
    weight: 1,
    run: ({ world, dice }) => {
      const known = [...world.embedder.known.values()]
      if (known.length > 0) world.embedder.spawn(dice.pick(known).spec)
    },
  },

  stop: { weight: 6, run: (step) => end(step, 'stop', step.dice.pick(NAMES), stopOptions(step.dice)) },
  kill: { weight: 3, run: (step) => end(step, 'kill', step.dice.pick(NAMES), {}) },
  'stop twice': {
    weight: 2,
    run: (step) => {
      const name = step.dice.pick(NAMES)
      end(step, 'stop', name, stopOptions(step.dice))
      end(step, step.dice.pick(['stop', 'kill'] as const), name, {})
    },
  },

  restart: { weight: 6, run: (step) => restart(step, step.dice.pick(NAMES)) },
  'restart and stop': {
    weight: 2,
    run: (step) => {
      const name = step.dice.pick(NAMES)
      restart(step, name)
      end(step, 'stop', name, {})
    },
  },
  'restart of an ended one': {
    weight: 2,
    run: (step) => {
      const { embedder } = step.world
      const known = [...embedder.known.values()].filter(({ removed }) => !removed)
      if (known.length > 0) restart(step, step.dice.pick(known).agent.id)
    },
  },

  'stop a task': {
    weight: 1,
    run: (step) => {
      const { embedder } = step.world
      const task = `t${step.dice.between(0, 2)}`
      for (const { id } of embedder.supervisor.list({ task })) embedder.wish(id, 'end')
      embedder.ask(`stop task ${task}`, longest(embedder), () => embedder.supervisor.stop({ task }))
    },
  },
  'kill all': {
    weight: 0.3,
    run: ({ world: { embedder } }) => {
      for (const { id } of embedder.supervisor.list()) embedder.wish(id, 'end')
      embedder.ask('kill all', longest(embedder), () => embedder.supervisor.kill({ all: true }))
    },
  },

  heartbeat: {
    weight: 8,
    run: (step) => {
      const { world, dice } = step
      const name = dice.pick(NAMES)
      const report = dice.pick(['beat', 'beat', 'idle', 'working', 'ready', 'stopping'])
      said(step, name, report)
      world.embedder.ask(`heartbeat ${name} ${report}`, 0, () => world.embedder.supervisor.heartbeat(name, report))
    },
  },
  'heartbeat of all': {
    weight: 5,
    run: (step) => {
      const { embedder } = step.world
      for (const { id, name } of embedder.supervisor.list()) {
        said(step, name, 'beat')
        embedder.supervisor.actor.send({ type: 'HEARTBEAT', agentId: id })
      }
    },
  },

  'kill the stalled': {
    weight: 2,
    run: ({ world: { embedder }, dice }) => {
      const options = {
        ...(dice.chance(0.4) && { heartbeatTimeout: dice.between(100, 3_000) }),
        force: dice.chance(0.3),
      }
      embedder.ask(`killStalled ${JSON.stringify(options)}`, longest(embedder), () =>
        embedder.supervisor.killStalled(options),
      )
    },
  },

  remove: {
    weight: 2,
    run: ({ world: { embedder }, dice }) => {
      const known = [...embedder.known.values()]
      if (known.length === 0) return
      const one = dice.pick(known)
      const id = one.agent.id
      embedder.ask(`remove ${id}`, QUERY_MS + 5_200, async () => {
        await embedder.supervisor.remove(id, { history: dice.chance(0.5) })
        one.removed = true
      })
    },
  },
  history: {
    weight: 2,
    run: (step) => {
      const { world, dice } = step
      const { embedder } = world
      const known = [...embedder.known.values()].filter(({ removed }) => !removed)
      if (known.length === 0) return
      const one = dice.pick(known)
      embedder.ask(`history ${one.agent.id}`, QUERY_MS, async () => {
        const before = one.entries.length
        const history = await embedder.supervisor.history(one.agent.id)
        const told = one.entries.slice(0, Math.max(before, history.length))
        world.checking('P5 history is what was told')
        if (history.length < before || history.some(({ seq }, i) => seq !== told[i]?.seq))
          world.violated(
            'P5 history is what was told',
            `${one.agent.id}: ${history.map(({ seq }) => seq).join(' ')}; told were ${told.map(({ seq }) => seq).join(' ')}`,
          )
        return history.length
      })
    },
  },
  records: {
    weight: 1,
    run: ({ world: { embedder } }) => embedder.ask('records', QUERY_MS, () => embedder.supervisor.records()),
  },

  'registry trouble': {
    weight: 3,
    run: ({ world, dice }) => {
      world.registry.mood = dice.pick(MOODS)
      world.fault(`registry ${world.registry.mood}`)
    },
  },
  'registry well': { weight: 3, run: ({ world }) => void (world.registry.mood = 'well') },
  'sink trouble': {
    weight: 2,
    run: ({ world, dice }) => {
      world.sink.mood = dice.pick(MOODS)
      world.fault(`sink ${world.sink.mood}`)
    },
  },

  'a listener throws': { weight: 1.5, run: ({ world }) => mischief(world, 'throwing listeners', () => { throw new Error('a listener that throws') }) },
  'a listener re-enters': {
    weight: 2,
    run: (step) => {
      const { world, number } = step
      const dice = step.dice.fork('mischief')
      let times = 0
      mischief(world, 're-entering listeners', ({ agentId }) => {
        if (times >= 3 || !dice.chance(0.4)) return
        times += 1
        const known = world.embedder.known.get(agentId)
        if (!known) return
        const id = `a${number}-${times}`
        if (dice.chance(0.5)) world.embedder.spawn(specOf(world, dice.fork(id), id, dice.pick([known.spec.name, ...NAMES])))
        else if (dice.chance(0.6)) end(step, dice.pick(['stop', 'kill'] as const), known.agent.id, {})
        else restart(step, known.agent.id)
      })
    },
  },
  'listeners behave': { weight: 2, run: ({ world }) => void (world.embedder.mischief = undefined) },

  'a stranger signals': {
    weight: 3,
    run: ({ world, dice }) => {
      const leaders = [...world.truth.lives.values()].map(({ leader }) => leader).filter(lives)
      if (leaders.length === 0) return
      world.fault('signals of strangers')
      const signal = dice.pick(['SIGKILL', 'SIGTERM', 'SIGSTOP', 'SIGCONT'] as const)
      world.kernel.kill(dice.pick(leaders).pid, signal, false)
    },
  },
  'strangers come': {
    weight: 4,
    run: ({ world, dice }) => {
      for (let i = dice.between(1, 4); i > 0; i -= 1) {
        const one = world.kernel.fork(1, { comm: 'stranger', environ: 'PATH=/bin\0', life: null, ownSession: dice.chance(0.5), dice: dice.fork(`stranger ${i}`) })
        if (one) world.kernel.later(one, dice.between(1, 8_000), () => world.kernel.exit(one, { code: 0, signal: null }))
      }
    },
  },

  'the launcher dies': {
    weight: 1.5,
    run: ({ world }) => {
      const { serving } = world.launchers
      if (!serving) return
      world.fault('launchers killed')
      world.disturbed()
      world.kernel.kill(serving.pid, 'SIGKILL', false)
    },
  },
  'the launcher is stopped': {
    weight: 1,
    run: async ({ world, dice }) => {
      const { serving } = world.launchers
      if (!serving) return
      world.fault('launchers stopped')
      serving.party.frozen = true
      await world.advance(dice.pick([10, 200, 3_000, 12_000]))
      if (serving.party.dead) return
      world.disturbed()
      serving.party.thaw()
    },
  },
  'the loop is blocked': {
    weight: 1.2,
    run: async ({ world, dice }) => {
      world.fault('blocked loops')
      const fromMs = world.nowMs
      world.supervisor.frozen = true
      await world.advance(dice.pick([30, 150, 1_500, 10_000, 20_000]))
      world.truth.blocked.push({ fromMs, toMs: world.nowMs })
      world.embedder.excuse(world.nowMs - fromMs)
      world.supervisor.thaw()
    },
  },
  'the wall clock is set': {
    weight: 1,
    run: ({ world, dice }) => {
      world.fault('stepped wall clocks')
      world.truth.wallStepped = true
      world.supervisor.clock.stepWall(dice.pick([-3_600_000, -1_000, 1_000, 86_400_000]))
    },
  },
  'nothing, for long': { weight: 2, run: ({ world, dice }) => world.advance(dice.between(1_000, 15_000)) },
}

function restart(step: Step, idOrName: string): void {
  const { embedder } = step.world
  const id = embedder.supervisor.get(idOrName)?.id
  const known = id === undefined ? undefined : embedder.known.get(id)
  const wasListed = known && embedder.supervisor.list({ id: known.agent.id }).length > 0
  const wish = known?.wish
  if (known) embedder.wish(known.agent.id, 'run')
  // Whether it ever runs is the agent's business: the answer is owed at the end of all.
  embedder.ask(`restart ${idOrName} (${id})`, Number.POSITIVE_INFINITY, () => embedder.supervisor.restart(idOrName))
  if (!known) return
  const isListed = embedder.supervisor.list({ id: known.agent.id }).length > 0
  if (!wasListed && isListed) embedder.watchPromises(known)
  else if (!isListed && wish === 'end') known.wish = 'end'
}

/** A sign of life from within this process: it counts at once, for a life that is running. */
function said({ world }: Step, name: string, report: string): void {
  const agent = world.embedder.supervisor.get(name)
  const life = agent && world.truth.lives.get(lifeKey({ agentId: agent.id, incarnation: agent.incarnation }))
  if (!life) return
  world.truth.sign(life.key, 'said', world.nowMs)
  if (report === 'working') life.held = null
  if (report === 'idle' && life.held?.name !== 'idle') life.held = { name: 'idle', sinceMs: world.nowMs }
}

function mischief(world: World, fault: string, fn: (entry: Entry) => void): void {
  world.fault(fault)
  world.embedder.mischief = fn
}

export const WEIGHTS: Readonly<Record<string, number>> = Object.fromEntries(
  Object.entries(ACTIONS).map(([name, { weight }]) => [name, weight]),
)
