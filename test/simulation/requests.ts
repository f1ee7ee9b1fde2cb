/** What a user asks of the supervisor. */
import { type Entry, lifeKey } from '../../machines/events.ts'
import type { CancelOptions, StopOptions } from '../../src/kill.ts'
import type { Action, Actions, Step } from './actions.ts'
import type { Dice } from './dice.ts'
import type { Embedder } from './embedder.ts'
import type { Known } from './known.ts'
import { endBoundMs, specOf } from './specs.ts'

export const NAMES = ['ada', 'bob', 'cyd', 'dee', 'eve', 'fay', 'gus', 'hal'] as const
/** A report file is read this soon, whatever the watch says. */
const UNREAD_MS = 1_200
const QUERY_MS = 5_200

const holder = ({ world: { embedder } }: Step, name: string): Known | undefined => {
  const id = embedder.supervisor.get(name)?.id
  return id === undefined ? undefined : embedder.known.get(id)
}

/** A user's word on one agent: a wish that holds from now on, when the agent has not ended. */
export function end(
  step: Step,
  how: 'stop' | 'cancel' | 'kill',
  name: string,
  options: StopOptions & CancelOptions,
): void {
  const { embedder } = step.world
  const known = holder(step, name)
  const lives = known !== undefined && embedder.supervisor.list({ id: known.agent.id }).length > 0
  if (known && lives) embedder.wish(known.agent.id, 'end')
  if (known && lives && how === 'cancel') known.cancelledAtMs ??= step.world.nowMs
  const what = `${how} ${name} (${known?.agent.id}) ${JSON.stringify(options)}`
  const within = Number(options.within ?? 0)
  embedder.ask(what, known ? endBoundMs(known.spec) + within : 0, () =>
    how === 'cancel' ? embedder.supervisor.cancel(name, options) : embedder.supervisor[how](name, options),
  )
}

const named = ({ supervisorId, seq }: Entry): string => `${supervisorId}:${seq}`

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

export const REQUESTS: Actions = {
  spawn: { weight: 20, run: spawn },

  'spawn again by id': {
    weight: 1,
    run: ({ world, dice }) => {
      const known = [...world.embedder.known.values()]
      if (known.length === 0) return
      const { spec, removed } = dice.pick(known)
      const { significant: _, ...anew } = spec
      // One that was removed is a new agent, in a group that may have changed meanwhile.
      world.embedder.spawn(removed ? anew : spec)
    },
  },

  stop: { weight: 6, run: (step) => end(step, 'stop', step.dice.pick(NAMES), stopOptions(step.dice)) },
  cancel: {
    weight: 3,
    run: (step) =>
      end(step, 'cancel', step.dice.pick(NAMES), { within: step.dice.pick([0, 100, 2_000, 20_000]) }),
  },
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
      world.embedder.ask(`heartbeat ${name} ${report}`, 0, () =>
        world.embedder.supervisor.heartbeat(name, report),
      )
    },
  },
  'heartbeat of all': {
    weight: 5,
    run: (step) => {
      const { embedder } = step.world
      for (const { id, name } of embedder.supervisor.list()) {
        said(step, name, 'beat')
        embedder.doing(() => embedder.supervisor.actor.send({ type: 'HEARTBEAT', agentId: id }))
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
        embedder.world.truth.forget(id)
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
      if (one.entries.length === 0) return
      embedder.ask(`history ${one.agent.id}`, QUERY_MS, async () => {
        const before = one.entries.length
        // One that was removed and spawned anew has the entries of before, too.
        const all = (await embedder.supervisor.history(one.agent.id)).map(named)
        const history = all.slice(all.indexOf(named(one.entries[0] as Entry)))
        const told = one.entries.slice(0, Math.max(before, history.length)).map(named)
        world.checking('P5 history is what was told')
        if (history.length < before || history.some((name, i) => name !== told[i]))
          world.violated(
            'P5 history is what was told',
            `${one.agent.id}: ${all.join(' ')}; told were ${told.join(' ')}`,
          )
        return history.length
      })
    },
  },
  records: {
    weight: 1,
    run: ({ world: { embedder } }) => embedder.ask('records', QUERY_MS, () => embedder.supervisor.records()),
  },
}

export function restart(step: Step, idOrName: string): void {
  const { embedder } = step.world
  const id = embedder.supervisor.get(idOrName)?.id
  const known = id === undefined ? undefined : embedder.known.get(id)
  const wasListed = known && embedder.supervisor.list({ id: known.agent.id }).length > 0
  const wish = known?.wish
  const lives = known?.agent.incarnation ?? 0
  const cancelledAtMs = known?.cancelledAtMs ?? null
  // What has used up its budget is not started again, whoever asks.
  if (known && known.spentAtMs === null) {
    embedder.wish(known.agent.id, 'run')
    known.cancelledAtMs = null
  }
  // Whether it ever runs is the agent's business: the answer is owed at the end of all.
  embedder.ask(`restart ${idOrName} (${id})`, Number.POSITIVE_INFINITY, () =>
    embedder.supervisor.restart(idOrName),
  )
  if (!known) return
  const isListed = embedder.supervisor.list({ id: known.agent.id }).length > 0
  // A listener may have ended it again already.
  const isBegun = isListed || known.agent.incarnation > lives
  if (!wasListed && isBegun) embedder.watchPromises(known)
  else if (!isListed && wish === 'end') {
    known.wish = 'end'
    known.cancelledAtMs = cancelledAtMs
  }
}

/** A sign of life from within this process: it counts at once, for a life that is running. */
function said({ world }: Step, name: string, report: string): void {
  const agent = world.embedder.supervisor.get(name)
  const life = agent && world.truth.lives.get(lifeKey({ agentId: agent.id, incarnation: agent.incarnation }))
  if (!life) return
  world.truth.sign(life.key, 'called', world.nowMs)
  if (report === 'working') life.held = life.maybeIdleSinceMs = null
  // What stands unread in its file is older, and is heard later.
  const isLastWord = world.nowMs - life.workedAtMs > UNREAD_MS
  if (report !== 'idle' || life.held?.name === 'idle') return
  if (isLastWord) life.held = { name: 'idle', sinceMs: world.nowMs }
  else life.maybeIdleSinceMs ??= world.nowMs
}
