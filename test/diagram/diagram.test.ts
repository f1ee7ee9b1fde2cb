/** What runs, as a picture: the tree of it all, and one agent in its machine. */
import { instance } from '@viz-js/viz'
import t from 'tap'
import { diagram, formatOf, MACHINES } from '../../src/diagram/index.ts'
import { MOST_AGENTS, treeOf } from '../../src/diagram/system.ts'
import { drawableTree } from '../../src/observe/tree.ts'
import { VIEWS } from '../../src/observe/views.ts'
import type { AgentRecord } from '../../src/registry/record.ts'
import { crew, FOREVER, nothingIsLeft, refusal } from '../support.ts'

nothingIsLeft(t)
const viz = await instance()

/** Means something in each of the three languages, and nothing in a picture. */
const HOSTILE = 'x"]; <b>&amp;\\N%%{init}%%`end`--> #'

interface Node {
  readonly name: string
  readonly label?: string
}
/** What Graphviz itself understands of it. */
const nodesOf = (dot: string): Node[] => {
  const { objects } = viz.renderJSON(dot) as { objects: (Node & { nodes?: unknown })[] }
  return objects.filter(({ nodes }) => nodes === undefined)
}
/** The texts of an SVG, as a page would show them. */
const textsOf = (svg: string): string[] =>
  [...svg.matchAll(/<text [^>]*>([^<]*)<\/text>/g)].map(([, text = '']) =>
    text
      .replaceAll('&#45;', '-')
      .replaceAll('&#160;', ' ')
      .replaceAll('&quot;', '"')
      .replaceAll('&#39;', "'")
      .replaceAll('&lt;', '<')
      .replaceAll('&gt;', '>')
      .replaceAll('&amp;', '&'),
  )

t.test('every machine that is drawn is among those that can be asked for', async (t) => {
  t.strictSame(
    VIEWS.map(({ name }) => name),
    MACHINES,
  )
})

t.test('all that runs is a tree of root, groups and agents, whatever they are called', async (t) => {
  const reeve = await crew(t)
  const outer = reeve.group('outer', { strategy: 'rest_for_one' })
  const hostile = outer.group('inner').spawn({ name: HOSTILE, command: FOREVER })
  const waiter = reeve.spawn({ name: 'waiter', command: FOREVER })
  await Promise.all([hostile.ready, waiter.ready])
  waiter.heartbeat({ type: 'waiting', on: 'permission', message: 'rm -rf\n"build"' })
  t.match(reeve.groups(), [
    { path: '', state: 'running', strategy: 'one_for_one', cause: null },
    { path: 'outer', state: 'running', strategy: 'rest_for_one', cause: null },
    { path: 'outer/inner', state: 'running', strategy: 'one_for_one', cause: null },
  ])

  const mermaid = await diagram('system', { reeve })
  t.match(
    mermaid,
    /^---\ntitle: "2 agents in 2 groups"\n---\nflowchart LR\n {2}n0\["root<br\/>running · one_for_one"\]\n/,
  )
  t.match(mermaid, `n1("waiter<br/>waiting · pid ${waiter.pid}<br/>permission#58; rm -rf #34;build#34;")`)
  t.match(mermaid, /n2\["outer<br\/>running · rest_for_one"\]\n {2}n3\["inner</)
  t.match(
    mermaid,
    'n4("x#34;#93;#59; #60;b#62;#38;amp#59;#92;N#37;#37;#123;init#125;#37;#37;#96;end#96;--#62; #35;<br/>',
  )
  for (const edge of ['n0 --> n1', 'n0 --> n2', 'n2 --> n3', 'n3 --> n4']) t.match(mermaid, `  ${edge}\n`)

  const nodes = nodesOf(await diagram('system', { reeve, format: 'dot' }))
  t.equal(nodes.length, 5)
  const svg = await diagram('system', { reeve, format: 'svg' })
  t.ok(textsOf(svg).includes(HOSTILE), 'its name is drawn as it is')
  t.notMatch(svg, /<b>/)
  t.ok(textsOf(svg).includes(`running · pid ${hostile.pid}`))

  await outer.stop()
  t.match(reeve.groups()[1], { path: 'outer', state: 'stopped', cause: String })
  t.match(await diagram('system', { reeve }), /outer<br\/>stopped/)
})

t.test('an agent stands in the picture of its machine, with the arrow by which it came', async (t) => {
  const reeve = await crew(t)
  const agent = reeve.spawn({ name: `a: "${HOSTILE}"`, command: FOREVER })
  await agent.ready
  const running = await diagram(agent.id, { reeve })
  t.match(running, `title: ${JSON.stringify(`${agent.name} · running · pid ${agent.pid}`)}\n`)
  t.match(running, '  state "● running" as running\n')
  t.match(running, '  pre_starting --> running: ▸ ready\n')
  t.match(running, /^ {2}class running here$/m)
  t.equal(running.split('●').length, 2, 'it is in one place')

  await agent.stop()
  const killed = await diagram(agent.name, { reeve })
  t.match(killed, 'reaping --> killed: ▸ its end was asked for')
  const svg = await diagram(agent.name, { reeve, format: 'svg' })
  t.ok(textsOf(svg).includes('● killed'))
  t.ok(textsOf(svg).includes(`${agent.name} · killed`))
  const edge = (name: string): string => svg.split(`<title>${name}</title>`)[1]?.split('</g>')[0] ?? ''
  t.match(edge('reaping&#45;&gt;killed'), /stroke-width="4"/)
  t.notMatch(edge('reaping&#45;&gt;completed'), /stroke-width="4"/)
})

t.test('what cannot be drawn is refused by its name', async (t) => {
  t.match(await refusal(() => diagram('agent', { format: 'png' as 'svg' }), 'invalid_spec'), {
    field: 'format',
    message: /one of mermaid, svg, dot \(given: "png"\)/,
  })
  t.match(await refusal(() => diagram('system'), 'invalid_spec'), { field: 'reeve' })
  t.match(await refusal(() => diagram(''), 'invalid_spec'), { field: 'what' })
  const reeve = await crew(t)
  t.match((await refusal(() => diagram('nobody', { reeve }), 'agent_not_found')).message, /"nobody"/)
  t.strictSame(['a.SVG', 'b.gv', 'c.mmd', 'd.txt'].map(formatOf), ['svg', 'dot', 'mermaid', undefined])
})

t.test('of a crowd those are drawn that are not as they should be; the rest is counted', async (t) => {
  const record = {
    activity: null,
    pid: 7,
    incarnation: 1,
    group: null,
    evidence: null,
    reason: null,
  } as const
  const agents = Array.from(
    { length: 1_000 },
    (_, i) =>
      ({ ...record, id: `a${i}`, name: `a${i}`, state: i >= 990 ? 'stalling' : 'running' }) as AgentRecord & {
        state: 'running'
      },
  )
  // A group that was opened between the two answers is not known to the one.
  const late = { ...agents[0], name: 'late', group: 'new/one', state: 'stalling' } as unknown as AgentRecord
  const groups = [{ path: '', state: 'running', strategy: 'one_for_one', cause: null }] as const
  const tree = treeOf(groups, [...agents, late])
  const drawn = tree.under.filter(({ kind }) => kind === 'agent')
  t.equal(drawn.length, MOST_AGENTS)
  t.equal(drawn.filter(({ lines }) => lines[1]?.startsWith('stalling')).length, 11)
  t.strictSame(
    tree.under.filter(({ kind }) => kind === 'rest').map(({ lines }) => lines),
    [['and 701 agents more', '701 running']],
  )
  const { mermaid, dot } = drawableTree('all', tree)
  t.ok(mermaid.length < 50_000, 'as much text as Mermaid takes')
  t.ok(mermaid.split('-->').length < 500, 'and as many arrows')
  t.equal(nodesOf(dot).length, MOST_AGENTS + 2)
})
