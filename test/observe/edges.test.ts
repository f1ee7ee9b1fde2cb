/** No edge of a machine is lost on its way to a picture: counted from the definition by a walk of the test's own. */
import t from 'tap'
import { type AnyStateMachine, createMachine } from 'xstate'
import { agentMachine } from '../../machines/agent.ts'
import { supervisorMachine } from '../../machines/supervisor.ts'
import { graphOf } from '../../src/observe/graph.ts'
import { pictureOf } from '../../src/observe/picture.ts'
import { VIEWS } from '../../src/observe/views.ts'
import { WORDS } from '../../src/observe/words.ts'

type Keyed = Readonly<Record<string, unknown>>
interface Config {
  readonly states?: Readonly<Record<string, Config>>
  readonly on?: Keyed
  readonly after?: Keyed
  readonly always?: unknown
}

const listed = (value: unknown): unknown[] =>
  Array.isArray(value) ? value : value === undefined ? [] : [value]

/** The raw definition, as written in the chart; nothing of what XState or the graph made of it. */
function definedEdges(config: Config, path: readonly string[] = []): string[] {
  const from = path.join('.')
  const keyed = (kind: string, record: Keyed = {}) =>
    Object.entries(record).flatMap(([name, value]) =>
      listed(value).map((_, i) => `${from} ${kind} ${name} ${i}`),
    )
  return [
    ...listed(config.always).map((_, i) => `${from} always  ${i}`),
    ...keyed('on', config.on),
    ...keyed('after', config.after),
    ...Object.entries(config.states ?? {}).flatMap(([name, inner]) => definedEdges(inner, [...path, name])),
  ]
}

const MACHINES: Record<string, AnyStateMachine> = { agent: agentMachine, supervisor: supervisorMachine }
const machineOf = (name: string): AnyStateMachine =>
  name === 'supervisor' ? supervisorMachine : agentMachine

t.test('the graph has every edge of the definition, each once', async (t) => {
  for (const [name, machine] of Object.entries(MACHINES)) {
    const defined = definedEdges(machine.config as Config).sort()
    t.ok(defined.length > 10, `${name} has ${defined.length} edges`)
    t.strictSame(
      graphOf(machine)
        .edges.map(({ id }) => id)
        .sort(),
      defined,
      name,
    )
  }
})

t.test('every edge is drawn, or hidden for a reason, and never both', async (t) => {
  for (const { name, graph, view } of VIEWS) {
    const { arrows, hidden } = pictureOf(graph, view)
    const drawn = new Set(arrows.flatMap((arrow) => arrow.edges))
    const defined = definedEdges(machineOf(name).config as Config)
    t.strictSame(
      defined.filter((id) => !drawn.has(id) && !hidden.has(id)),
      [],
      `${name}: lost`,
    )
    t.strictSame(
      [...hidden.keys()].filter((id) => drawn.has(id)),
      [],
      `${name}: both drawn and hidden`,
    )
    t.equal(drawn.size + hidden.size, defined.length, `${name}: ${drawn.size} drawn, ${hidden.size} hidden`)
    for (const [id, why] of hidden) {
      const edge = graph.edges.find((each) => each.id === id)
      const within = edge?.to?.split('.')[0] === edge?.from.split('.')[0]
      const otherDoor = edge?.from === 'born' && edge.guard !== null
      t.ok(edge?.to === null || within || otherDoor, `${name}: "${id}" is hidden, since: ${why}`)
    }
  }
})

t.test('an edge through a transient state is drawn to where it leads', async (t) => {
  const [detail] = VIEWS.filter(({ name }) => name === 'agent-detail').map((each) =>
    pictureOf(each.graph, each.view),
  )
  const { arrows = [], shapes = [] } = detail ?? {}
  t.notOk(shapes.some(({ id }) => id === 'born' || id === 'reaping.cleaned'))
  for (const end of ['killed', 'completed', 'crashed']) {
    const arrow = arrows.find(({ from, to }) => from === 'reaping.cleaning' && to === end)
    t.ok(arrow?.edges.includes('reaping.cleaning on CLEANED 0'), `a clean-up leads to ${end}`)
    t.ok(
      arrow?.edges.includes('reaping.cleaning after cleanupLimit 0'),
      `so does one that is overdue: ${end}`,
    )
    t.ok(arrow?.edges.includes('reaping.cleaning always  0'), `and one that has nothing to do: ${end}`)
  }
})

t.test('parallel edges are one arrow with several words', async (t) => {
  for (const { name, graph, view } of VIEWS) {
    const ways = pictureOf(graph, view)
      .arrows.filter(({ dashed }) => !dashed)
      .map(({ from, to }) => `${from} → ${to}`)
    t.equal(new Set(ways).size, ways.length, name)
  }
})

t.test('an event without a word cannot be drawn, and no word is left over', async (t) => {
  const machine = createMachine({ initial: 'a', states: { a: { on: { NEW_EVENT: 'b' } }, b: {} } })
  const view = { title: 'toy', opened: [], tones: {} }
  t.throws(() => pictureOf(graphOf(machine), view), { message: /no word for the edge "a on NEW_EVENT 0"/ })

  const edges = Object.values(MACHINES).flatMap((each) => graphOf(each).edges)
  const used = (keys: Keyed, of: (edge: (typeof edges)[number]) => string | null) =>
    Object.keys(keys).filter((key) => !edges.some((edge) => of(edge) === key))
  t.strictSame(
    used(WORDS.events, (edge) => (edge.kind === 'on' ? edge.name : null)),
    [],
  )
  t.strictSame(
    used(WORDS.delays, (edge) => (edge.kind === 'after' ? edge.name : null)),
    [],
  )
  t.strictSame(
    used(WORDS.guards, (edge) => edge.guard),
    [],
  )
  t.strictSame(
    used(WORDS.otherwise, (edge) => (edge.kind === 'always' ? edge.from : null)),
    [],
  )
})

t.test('root events, wildcards, lists and parallel states are walked too', async (t) => {
  const machine = createMachine({
    id: 'toy',
    type: 'parallel',
    on: { '*': { actions: 'x' }, RESET: '.left' },
    states: {
      left: {
        initial: 'one',
        states: { one: { after: { 100: 'two' } }, two: { always: [{ guard: 'g', target: 'one' }] } },
      },
      right: { on: { GO: [{ guard: 'g', actions: 'y' }, { target: '#toy.left' }] } },
    },
  })
  t.strictSame(
    graphOf(machine).edges.map(({ id, to }) => `${id} → ${to}`),
    [
      ' on * 0 → null',
      ' on RESET 0 → left',
      'left.one after 100 0 → left.two',
      'left.two always  0 → left.one',
      'right on GO 0 → null',
      'right on GO 1 → left',
    ],
  )
})
