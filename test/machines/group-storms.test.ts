/**
 * Groups in bad luck: members crash, stall, are stopped, restarted and spawned at random, processes start late, not at all,
 * or ignore their signals. What has to hold always is looked at after every step. `REEVE_SEED` gives a run again.
 */
import t from 'tap'
import { type EntryDraft, isEnd } from '../../machines/events.ts'
import { childOf, isLive, membersOf, placeOf } from '../../machines/members.ts'
import { STRATEGIES, type Strategy } from '../../machines/strategies.ts'
import { Crew, user } from './crew.ts'
import { dice } from './world.ts'

const seed = Number(process.env.REEVE_SEED ?? Math.floor(performance.timeOrigin) % 1_000_000)
const STEPS = 500
const visited = new Set<string>()

const PATHS = ['crew', 'crew/inner', 'crew/other', 'side']

const address = ({ agentId, incarnation }: { agentId: string; incarnation: number }) => ({
  agentId,
  incarnation,
})

/** What the law of its strategy says of the order in which lives of one regroup begin: never before all behind are gone. */
class Watch {
  readonly wrong: string[] = []
  readonly #crew: Crew
  readonly #groupOf: ReadonlyMap<string, string>
  readonly #strategyOf: ReadonlyMap<string, Strategy>
  readonly #wanted: ReadonlyMap<string, 'run' | 'end'>
  readonly #asked = new Set<string>()

  constructor(
    crew: Crew,
    groupOf: ReadonlyMap<string, string>,
    strategyOf: ReadonlyMap<string, Strategy>,
    wanted: ReadonlyMap<string, 'run' | 'end'>,
  ) {
    this.#crew = crew
    this.#groupOf = groupOf
    this.#strategyOf = strategyOf
    this.#wanted = wanted
    crew.root.on('transition', ({ entry }) => this.#see(entry))
  }

  #see({ agentId, to, event }: EntryDraft): void {
    if (to === 'restarting' && event !== 'restart' && this.#wanted.get(agentId) === 'end')
      this.wrong.push(`${agentId} comes back, though a user stopped it`)
    // Whom a user restarts waits for nobody, unless it goes with those that failed.
    if (to === 'restarting' && event === 'restart') this.#asked.add(agentId)
    const group = this.#groupOf.get(agentId) ?? ''
    if (to === 'spawning' && this.#asked.delete(agentId)) return
    if (to !== 'spawning' || this.#strategyOf.get(group) === 'one_for_one') return
    const { children } =
      this.#crew.root.getSnapshot().context.children.shared.places.get(placeOf(group)) ?? {}
    if (children?.regrouping && children.toEnd.some(isLive))
      this.wrong.push(`${agentId} begins while others of ${group} are still to end`)
  }
}

for (let run = 0; run < 6; run += 1) {
  const own = seed + run * 7_919
  const strategies = PATHS.map((_, i) => STRATEGIES[(run + i * (1 + (run % 2))) % 3] ?? 'one_for_one')
  t.test(`whatever happens to ${strategies.join(', ')} (REEVE_SEED=${seed}, run ${run})`, async (t) => {
    const random = dice(own)
    const crew = new Crew({ seed: own, launchable: false, stubborn: undefined })
    const groupOf = new Map<string, string>()
    const wanted = new Map<string, 'run' | 'end'>()
    const strategyOf = new Map(PATHS.map((path, i) => [path, strategies[i] ?? 'one_for_one'] as const))
    const watch = new Watch(crew, groupOf, strategyOf, wanted)
    const given = { restarts: 6, withinMs: 20_000 }
    const pick = <T>(from: readonly T[]): T => from[Math.floor(random() * from.length)] as T
    let names = 0
    const spawn = (path: string) => {
      names += 1
      groupOf.set(`a${names}`, path)
      wanted.set(`a${names}`, 'run')
      const type = pick(['permanent', 'permanent', 'transient', 'temporary'] as const)
      crew.enlist(path, `a${names}`, { type, delayMs: random() < 0.3 ? 0 : random() * 500 })
    }
    const openAll = () => {
      for (const path of PATHS) {
        const parent = path.includes('/') ? 'crew' : undefined
        const { places } = crew.root.getSnapshot().context.children.shared
        if (places.has(placeOf(path)) || (parent && !places.has(placeOf(parent)))) continue
        crew.open(path, { ...given, strategy: strategyOf.get(path) ?? 'one_for_one' })
        for (let i = 0; i < 3; i += 1) spawn(path)
      }
    }

    for (let step = 0; step < STEPS && watch.wrong.length + crew.broken.length === 0; step += 1) {
      for (const path of PATHS) visited.add(crew.state(path))
      openAll()
      const agents = [...groupOf.keys()].filter((agentId) => crew.isKept(agentId))
      const agentId = agents.length > 0 ? pick(agents) : ''
      const [life] = crew.alive(agentId)
      const draw = random()
      if (draw < 0.14 && life) crew.crash(life, random() < 0.4 ? 0 : 1)
      else if (draw < 0.18 && life) crew.send({ type: 'STALLED', ...address(life), evidence: {} })
      else if (draw < 0.22 && agentId !== '') {
        if (childOf(crew.root.getSnapshot().context.children, agentId)) wanted.set(agentId, 'end')
        crew.send({ type: random() < 0.5 ? 'STOP' : 'KILL', agentId, reason: user })
      } else if (draw < 0.26 && agentId !== '') {
        wanted.set(agentId, 'run')
        crew.send({ type: 'RESTART', agentId, reason: user })
      } else if (draw < 0.34) spawn(pick(PATHS))
      else if (draw < 0.345) crew.stopGroup(pick(PATHS))
      else crew.settle(random() * 600)
    }
    t.same(watch.wrong, [], 'of order and of wishes')
    t.same(crew.broken, [], 'of processes')
    t.same(crew.faults, [])

    // Left alone, every group comes to rest: it runs with all that it keeps, or it is over.
    for (const life of crew.lives.values()) wanted.set(life.agentId, 'run')
    crew.settle(120_000)
    const { shared } = crew.root.getSnapshot().context.children
    for (const path of PATHS) {
      const place = shared.places.get(placeOf(path))
      t.match(crew.state(path), /^(running|failed|stopped)$/, `${path} is at rest`)
      if (!place) continue
      const down = membersOf(place.children).filter((member) => !isLive(member))
      t.same(
        down.map(({ spec }) => spec),
        [],
        `${path} runs with all its members`,
      )
      t.same([place.children.due.size, place.children.toEnd.length, place.children.current], [0, 0, null])
      t.equal(place.children.live, membersOf(place.children).filter(isLive).length, 'the count of live ones')
    }
    crew.send({ type: 'SHUTDOWN', reason: user, killAfterMs: 20_000, giveUpAfterMs: 25_000 })
    crew.settle(30_000)
    t.equal(crew.root.getSnapshot().status, 'done')
    t.equal([...crew.lives.values()].filter(({ alive }) => alive).length, 0, 'nothing is left')
    t.equal(crew.clock.pending, 0, 'no timer either')
    t.equal(shared.places.size, 0)
    t.equal(shared.untold, 0)
    for (const agentId of groupOf.keys()) {
      const ends = crew.told.filter((told) => told.ended && told.entry.agentId === agentId)
      if (ends.length !== 1 || !isEnd(ends[0]?.entry.to ?? null))
        t.fail(`${agentId} ended ${ends.length} times`)
    }
  })
}

t.test('they went through every state that a group can stand in', async (t) => {
  const states = ['running', 'regrouping.ending', 'regrouping.pausing', 'regrouping.starting']
  for (const state of [...states, 'giving_up', 'resting', 'failed', 'stopping.waiting', 'stopped'])
    t.ok(visited.has(state), state)
})
