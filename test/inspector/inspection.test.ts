/** What an inspector is told, frame by frame, and what it may not cost: the world is simulated, the clock steps. */
import t from 'tap'
import { assign, createActor, createMachine, setup } from 'xstate'
import { bounded } from '../../src/observe/inspection/bounded.ts'
import type { ActorFrame, EventFrame, Frame, SnapshotFrame } from '../../src/observe/inspection/frames.ts'
import { inspected } from '../../src/observe/inspection/inspection.ts'
import { childSpec, POLICY, World } from '../machines/world.ts'
import { soon } from '../support.ts'

type Frames = AsyncGenerator<string, void, void>

const parsed = (text: string): Frame => JSON.parse(text) as Frame
const isActor = (frame: Frame): frame is ActorFrame => frame.type === '@xstate.actor'
const isEvent = (frame: Frame): frame is EventFrame => frame.type === '@xstate.event'
const isSnapshot = (frame: Frame): frame is SnapshotFrame => frame.type === '@xstate.snapshot'
const typeOf = (frame: EventFrame | SnapshotFrame): string => (frame.event as { type: string }).type
const stateIn = (frame: ActorFrame | SnapshotFrame): unknown => (frame.snapshot as { value?: unknown }).value

/** Reads until one is as wanted; returns all that came. */
async function readUntil(frames: Frames, wanted: (frame: Frame) => boolean): Promise<Frame[]> {
  const read: Frame[] = []
  for (;;) {
    const { value, done } = await soon(frames.next(), `a frame after ${read.length}`)
    if (done) throw new Error(`no such frame among ${read.length}`)
    read.push(parsed(value))
    if (wanted(read.at(-1) as Frame)) return read
  }
}

const mark = (world: World, agentId: string) =>
  world.send({ type: 'EXITED', agentId, incarnation: 99, exit: { code: 0, signal: null } })
const isMark = (frame: Frame): boolean =>
  isEvent(frame) && (frame.event as { incarnation?: number }).incarnation === 99

t.test(
  'a viewer sees the root, groups and lives with their machines, then events with their sources',
  async (t) => {
    const world = new World({ launchable: true, stubborn: false })
    world.send({
      type: 'OPEN',
      group: {
        path: 'crew',
        order: 1,
        strategy: 'one_for_one',
        intensity: false,
        autoShutdown: 'never',
        significant: false,
        restart: childSpec('x').restart,
      },
    })
    world.send({ type: 'SPAWN', child: childSpec('early', { name: 'early bird' }) })
    world.send({ type: 'SPAWN', child: childSpec('member', { group: 'crew' }) })
    world.clock.advance(1_000)
    const frames = inspected(world.root)
    mark(world, 'nobody: before anyone looks')
    const first = await readUntil(frames, (frame) => isActor(frame) && frame.name.startsWith('early bird'))
    const actors = first.filter(isActor)
    t.equal(actors.length, first.length, 'first every actor as it is')
    const byId = new Map(actors.map((actor) => [actor.sessionId, actor]))
    const [root] = actors
    t.equal(root?.name, 'supervisor')
    t.equal(root?.parentId, undefined)
    t.ok(
      actors.every(({ parentId, sessionId }) => sessionId === root?.sessionId || byId.has(parentId ?? '')),
      'parents come before their children',
    )
    const life = actors.at(-1) as ActorFrame
    t.equal(life.name, 'early bird · life 1')
    t.equal(life.rootId, root?.sessionId)
    t.equal(life._version, '0.7.2')
    t.strictSame(stateIn(life), { running: 'working' }, 'a late viewer gets the present state')
    t.ok('stalling' in JSON.parse(life.definition).states, 'with its machine')
    t.ok(
      actors.some(({ name, definition }) => name === 'member · life 1' && definition === life.definition),
      'and so those in groups',
    )
    t.ok(
      actors.some(({ name }) => name.endsWith('crew')),
      'and the group itself',
    )

    world.send({ type: 'STALLED', agentId: 'early', incarnation: 1, evidence: { silentMs: 5 } })
    const then = await readUntil(
      frames,
      (frame) => isSnapshot(frame) && frame.sessionId === life.sessionId && stateIn(frame) === 'stalling',
    )
    const stalled = then.filter(isEvent).filter((frame) => typeOf(frame) === 'STALLED')
    t.equal(stalled[0]?.sessionId, root?.sessionId, 'the root heard it first')
    const heard = stalled.find(({ sessionId }) => sessionId === life.sessionId)
    t.ok(byId.has(heard?.sourceId ?? ''), 'the life heard it from an actor that is known')
    t.match((then.at(-1) as SnapshotFrame).snapshot, {
      status: 'active',
      context: { agentId: 'early', incarnation: 1 },
    })

    world.send({ type: 'SPAWN', child: childSpec('late') })
    world.clock.advance(1_000)
    const born = await readUntil(frames, (frame) => isActor(frame) && frame.name === 'late · life 1')
    t.ok(byId.has((born.at(-1) as ActorFrame).parentId ?? ''))
    await frames.return()
  },
)

t.test('heartbeats are told to nobody, but for one that ends a stall', async (t) => {
  const world = new World({ launchable: true, stubborn: false })
  world.send({ type: 'SPAWN', child: childSpec('agent') })
  world.clock.advance(1_000)
  const frames = inspected(world.root)
  await readUntil(frames, (frame) => isActor(frame) && frame.name === 'agent · life 1')
  for (let beat = 0; beat < 100; beat += 1) world.send({ type: 'HEARTBEAT', agentId: 'agent' })
  mark(world, 'agent')
  const quiet = await readUntil(frames, isMark)
  t.notOk(quiet.some((frame) => !isActor(frame) && typeOf(frame) === 'HEARTBEAT'))
  world.send({ type: 'STALLED', agentId: 'agent', incarnation: 1, evidence: { silentMs: 5 } })
  world.send({ type: 'HEARTBEAT', agentId: 'agent' })
  const revived = await readUntil(frames, (frame) => isSnapshot(frame) && typeOf(frame) === 'HEARTBEAT')
  t.strictSame(stateIn(revived.at(-1) as SnapshotFrame), { running: 'working' })
  await frames.return()
})

t.test(
  'nothing is observed, let alone converted, while nobody reads; a viewer who left costs nothing',
  async (t) => {
    let reads = 0
    const inner = {
      get watched() {
        reads += 1
        return reads
      },
    }
    const root = createActor(createMachine({ context: () => ({ inner }), on: { POKE: {} } })).start()
    root.send({ type: 'POKE' })
    t.equal(reads, 0)
    const frames = inspected(root)
    root.send({ type: 'POKE' })
    t.equal(reads, 0)
    await frames.next()
    t.equal(reads, 1, 'converted for the first who looks')
    for (let i = 0; i < 100; i += 1) root.send({ type: 'POKE' })
    t.equal(reads, 1, 'in the midst of the actors nothing is converted')
    await readUntil(frames, isSnapshot)
    const until = reads
    await frames.return()
    root.send({ type: 'POKE' })
    t.equal(reads, until)
  },
)

t.test(
  'who reads more slowly than the actors move is told how much was skipped, and shown all anew',
  async (t) => {
    const world = new World({ launchable: true, stubborn: false })
    for (const agentId of ['a', 'b']) world.send({ type: 'SPAWN', child: childSpec(agentId) })
    world.clock.advance(1_000)
    const frames = inspected(world.root, { maxWaiting: 50 })
    await readUntil(frames, (frame) => isActor(frame) && frame.name === 'b · life 1')
    // Meanwhile nobody reads: one ends for good, and there is much else.
    world.send({ type: 'STOP', agentId: 'a', reason: { kind: 'user', by: 'test' } })
    world.clock.advance(10_000)
    t.equal(world.statesOf('a').at(-1), 'killed')
    for (let i = 0; i < 100; i += 1) mark(world, 'b')
    const [skipped, ...anew] = await readUntil(
      frames,
      (frame) => isActor(frame) && frame.name === 'a · life 1',
    )
    t.match(skipped, { type: '@xstate.event', event: { type: 'reeve.inspection.skipped' } })
    t.ok((skipped as unknown as { event: { events: number } }).event.events > 50)
    t.match(anew.at(-1), { snapshot: { status: 'done' } }, 'whose end was skipped is shown as over')
    t.ok(anew.some((frame) => isActor(frame) && frame.name === 'supervisor'))
    await frames.return()
  },
)

t.test('a thousand agents keep their deadlines with a viewer who does not read', async (t) => {
  const timed = { ...POLICY, stallGraceMs: 500, rungs: [{ signal: 'SIGTERM' as const, waitMs: 1_000 }] }
  const ends = async (looked: boolean): Promise<number[]> => {
    const world = new World({ launchable: true, stubborn: true })
    const frames = looked ? inspected(world.root) : undefined
    await frames?.next()
    const ids = Array.from({ length: 1_000 }, (_, i) => `agent-${i}`)
    for (const agentId of ids) world.send({ type: 'SPAWN', child: childSpec(agentId, { life: timed }) })
    world.clock.advance(1_000)
    for (const agentId of ids)
      world.send({ type: 'STALLED', agentId, incarnation: 1, evidence: { silentMs: 5 } })
    world.clock.advance(1_600)
    await frames?.return()
    return world.told.filter(({ entry }) => entry.to === 'terminating').map(({ atMs }) => atMs)
  }
  const watched = await ends(true)
  t.ok(watched.length >= 1_000)
  t.strictSame(watched, await ends(false))
})

t.test('it ends with the root, and by its signal', async (t) => {
  const machine = createMachine({
    initial: 'on',
    states: { on: { on: { END: 'off' } }, off: { type: 'final' } },
  })
  const root = createActor(machine).start()
  const frames = inspected(root)
  await frames.next()
  root.send({ type: 'END' })
  const read: Frame[] = []
  for await (const frame of frames) read.push(parsed(frame))
  t.match(read.at(-1), { type: '@xstate.snapshot', snapshot: { status: 'done', value: 'off' } })
  const over = new AbortController()
  const other = createActor(machine).start()
  const second = inspected(other, { signal: over.signal })
  await second.next()
  over.abort()
  t.same(await second.next(), { done: true, value: undefined })
})

t.test('cyclic, huge and throwing contexts do no harm', async (t) => {
  const cyclic: Record<string, unknown> = { name: 'ring' }
  cyclic.self = { again: cyclic }
  const throwing = Object.defineProperty({ fine: 1 }, 'bad', {
    enumerable: true,
    get: () => {
      throw new Error('not to be read')
    },
  })
  const hostile = new Proxy(
    {},
    {
      ownKeys: () => {
        throw new Error('no keys')
      },
      has: () => {
        throw Object.create(null)
      },
    },
  )
  const deep = Array.from({ length: 10_000 }).reduce((inner) => ({ inner }), 'bottom')
  t.strictSame(bounded(cyclic), { name: 'ring', self: { again: '[cyclic]' } })
  t.strictSame(bounded(throwing), { fine: 1, bad: '[throws: not to be read]' })
  t.strictSame(bounded(hostile), '[throws: something that cannot be told either]')
  t.ok(JSON.stringify(bounded(deep)).includes('[deeper]'))
  t.strictSame(
    bounded({ toJSON: () => JSON.parse('{'), when: new Date(0), bytes: Buffer.alloc(10), big: 3n }),
    { toJSON: { type: 'toJSON' }, when: '1970-01-01T00:00:00.000Z', bytes: '[10 bytes]', big: '3n' },
  )
  const own = bounded(JSON.parse('{"__proto__": {"polluted": 1}}')) as object
  t.ok(Object.hasOwn(own, '__proto__'))
  t.equal((own as { polluted?: number }).polluted, undefined)
  const huge = {
    text: 'x'.repeat(10_000_000),
    list: new Array(1_000_000).fill({ a: 1 }),
    map: new Map(Array.from({ length: 100_000 }, (_, i) => [i, i])),
    wide: Object.fromEntries(Array.from({ length: 10_000 }, (_, i) => [`k${i}`, { v: ['a', 'b', 'c'] }])),
  }
  const size = JSON.stringify(bounded(huge)).length
  t.ok(size < 100_000, `${size} characters`)
  t.match(bounded(huge), { list: { 100: '[999900 more]' }, map: { '…': '[99900 more]' } })

  const machine = setup({}).createMachine({
    context: { cyclic, throwing, hostile, deep, huge },
    on: { POKE: { actions: assign({ poked: () => hostile }) } },
  })
  const root = createActor(machine).start()
  const frames = inspected(root)
  await frames.next()
  root.send({ type: 'POKE', cyclic, hostile } as never)
  const read = await readUntil(frames, isSnapshot)
  t.match(read.at(-1), { snapshot: { context: { cyclic: { self: { again: '[cyclic]' } } } } })
  await frames.return()
})
