/** What goes wrong: with the registry, with listeners, with processes, with launchers, with time. */
import type { Entry } from '../../machines/events.ts'
import type { Actions } from './actions.ts'
import type { Dice } from './dice.ts'
import { lives } from './machine/process.ts'
import { LEFT_FREE } from './machine/programs.ts'
import { end, NAMES, restart } from './requests.ts'
import { specOf } from './specs.ts'
import { MOODS } from './store.ts'
import type { World } from './world.ts'

const TROUBLE = MOODS.filter((mood) => mood !== 'well')

export const MISHAPS: Actions = {
  'registry trouble': {
    weight: 3,
    run: ({ world, dice }) => {
      world.registry.mood = dice.pick(TROUBLE)
      world.fault(`registry ${world.registry.mood}`)
    },
  },
  'registry well': {
    weight: 3,
    run: ({ world }) => {
      world.registry.mood = 'well'
    },
  },
  'sink trouble': {
    weight: 2,
    run: ({ world, dice }) => {
      world.sink.mood = dice.pick(MOODS)
      if (world.sink.mood !== 'well') world.fault(`sink ${world.sink.mood}`)
    },
  },

  'a listener throws': {
    weight: 1.5,
    run: ({ world }) =>
      mischief(world, 'throwing listeners', () => {
        throw new Error('a listener that throws')
      }),
  },
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
        if (dice.chance(0.5))
          world.embedder.spawn(specOf(world, dice.fork(id), id, dice.pick([known.spec.name, ...NAMES])))
        else if (dice.chance(0.6)) end(step, dice.pick(['stop', 'kill'] as const), known.agent.id, {})
        else restart(step, known.agent.id)
      })
    },
  },
  'listeners behave': {
    weight: 2,
    run: ({ world }) => {
      world.embedder.mischief = undefined
    },
  },

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
    weight: 6,
    run: ({ world, dice }) => {
      for (let i = dice.between(1, 6); i > 0; i -= 1)
        stranger(world.kernel, dice.fork(`stranger ${i}`), 8_000)
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
  'the launcher dies in the midst of it': {
    weight: 0.7,
    run: ({ world, dice }) => {
      const { serving } = world.launchers
      if (!serving) return
      serving.party.doom(dice.between(1, 12), () => {
        world.fault('launchers killed in a turn')
        world.disturbed()
        world.kernel.kill(serving.pid, 'SIGKILL', false)
      })
    },
  },
  'the supervisor dies': {
    weight: 0.7,
    run: ({ world }) => world.kernel.kill(world.supervisor.pid, 'SIGKILL', false),
  },
  'the supervisor dies in the midst of it': {
    weight: 0.8,
    run: ({ world: { supervisor, kernel }, dice }) => {
      supervisor.doom(dice.between(1, 40), () => kernel.kill(supervisor.pid, 'SIGKILL', false))
    },
  },
  'supervisor and launcher die': {
    weight: 0.3,
    run: ({ world, dice }) => {
      const { serving } = world.launchers
      const both = [world.embedder.process, ...(serving ? [serving.process] : [])]
      for (const process of dice.chance(0.5) ? both : both.reverse()) {
        world.kernel.exit(process, { code: null, signal: 'SIGKILL' })
        world.advance(dice.pick([0, 0.5, 30]))
      }
      if (dice.chance(0.5)) newFaces(world, dice)
    },
  },
  'the launcher is stopped': {
    weight: 1,
    run: ({ world, dice }) => {
      const { serving } = world.launchers
      if (!serving) return
      world.fault('launchers stopped')
      serving.party.freeze()
      world.advance(dice.pick([10, 200, 3_000, 12_000]))
      if (serving.party.dead) return
      world.disturbed()
      serving.party.thaw()
    },
  },
  'the loop is blocked': {
    weight: 1.2,
    run: ({ world, dice }) => {
      world.fault('blocked loops')
      const fromMs = world.nowMs
      world.supervisor.freeze()
      world.advance(dice.pick([30, 150, 1_500, 10_000, 20_000]))
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
      world.time.wallOffsetMs += dice.pick([-3_600_000, -1_000, 1_000, 86_400_000])
    },
  },
  'nothing, for long': { weight: 2, run: ({ world, dice }) => world.advance(dice.between(1_000, 15_000)) },
}

/** While nobody looks, agents die, and strangers get their pids. */
function newFaces(world: World, dice: Dice): void {
  const { truth, kernel } = world
  for (const { leader } of truth.lives.values())
    if (lives(leader) && dice.chance(0.6)) kernel.exit(leader, { code: 0, signal: null })
  world.advance(60)
  for (let i = 0; i < 40 && kernel.freePids >= LEFT_FREE; i += 1)
    stranger(kernel, dice.fork(`face ${i}`), 30_000)
}

function stranger(kernel: World['kernel'], dice: Dice, mostMs: number): void {
  const one = kernel.fork(1, {
    comm: 'stranger',
    environ: 'PATH=/bin\0',
    life: null,
    ownSession: dice.chance(0.5),
    dice,
  })
  if (one) kernel.later(one, dice.between(1, mostMs), () => kernel.exit(one, { code: 0, signal: null }))
}

function mischief(world: World, fault: string, fn: (entry: Entry) => void): void {
  world.fault(fault)
  world.embedder.mischief = fn
}
