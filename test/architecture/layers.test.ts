/** One direction of imports: a file imports only from its own room and from those above it. */
import t from 'tap'
import ts from 'typescript'
import { loadedBy, sources, walk } from './sources.ts'

/** The rooms, from the top. `sees`: the other rooms that a file there may import, types included. */
const ROOMS: readonly { readonly name: string; readonly has: RegExp; readonly sees: readonly string[] }[] = [
  { name: 'machines', has: /^machines\//, sees: [] },
  {
    name: 'ground',
    has: /^src\/(errors|clock|deferred|home|loopback|make-folders|platform|snake-case|version|awaited)\.ts$/,
    sees: ['machines'],
  },
  { name: 'process', has: /^src\/process\//, sees: ['machines', 'ground'] },
  { name: 'health', has: /^src\/health\//, sees: ['machines', 'ground'] },
  { name: 'registry', has: /^src\/registry\//, sees: ['machines', 'ground'] },
  { name: 'observe', has: /^src\/observe\/(?!inspector\/|dashboard\/)/, sees: ['machines', 'ground'] },
  // What is asked and answered, wherever agents are supervised: the supervisor has it, and so has its client.
  {
    name: 'words',
    has: /^src\/(agent-health|duration|group-options|group-record|handle-text|inherited-words|json-schema|kill|listeners|name|options|own-group|place|probes|read-wire|realms|reeve|server-events|shapes|size|spec|strict|wire)\.ts$/,
    sees: ['machines', 'ground', 'registry'],
  },
  // What the faces on a terminal share.
  {
    name: 'terminal',
    has: /^src\/terminal\//,
    sees: ['machines', 'ground', 'words', 'registry', 'observe'],
  },
  // What runs, as a picture.
  {
    name: 'diagram',
    has: /^src\/diagram\//,
    sees: ['machines', 'ground', 'words', 'registry', 'observe', 'terminal'],
  },
  // The faces: they are handed a `Reeve`, and see neither the supervisor nor a client.
  {
    name: 'repl',
    has: /^src\/repl\//,
    sees: ['machines', 'ground', 'words', 'registry', 'observe', 'terminal', 'diagram', 'inspector'],
  },
  {
    name: 'mcp',
    has: /^src\/mcp\//,
    sees: ['machines', 'ground', 'words', 'registry', 'observe', 'terminal'],
  },
  {
    name: 'inspector',
    has: /^src\/observe\/inspector\//,
    sees: ['machines', 'ground', 'words', 'registry', 'observe'],
  },
  // What runs in a browser: it sees what its server sends it along.
  {
    name: 'dashboard',
    has: /^src\/observe\/dashboard\//,
    sees: ['machines', 'ground', 'words', 'registry', 'observe'],
  },
  { name: 'agent-kit', has: /^src\/agent-kit\//, sees: ['machines'] },
  {
    name: 'root',
    has: /^src\/[^/]+\.ts$/,
    sees: ['machines', 'ground', 'words', 'process', 'health', 'registry', 'observe'],
  },
  // It serves one face itself, over HTTP, loaded when it is first asked for.
  {
    name: 'daemon',
    has: /^src\/daemon\//,
    sees: ['machines', 'ground', 'words', 'process', 'registry', 'observe', 'root', 'mcp'],
  },
  // It finds a daemon by what that left in the home, and speaks with it; what that is made of is no part of it.
  {
    name: 'client',
    has: /^src\/client\//,
    sees: ['machines', 'ground', 'words', 'registry', 'daemon'],
  },
  // The command: it alone starts daemons, and hands what they serve to the faces.
  {
    name: 'cli',
    has: /^src\/cli\//,
    sees: [
      'machines',
      'ground',
      'words',
      'registry',
      'observe',
      'terminal',
      'diagram',
      'mcp',
      'repl',
      'inspector',
      'root',
      'daemon',
      'client',
    ],
  },
]
/** Packages by room; Node's own are free everywhere but in the machines. */
const PACKAGES: Readonly<Record<string, readonly string[]>> = {
  machines: ['xstate'],
  ground: [],
  process: ['execa'],
  health: ['zod'],
  registry: ['zod', 'ms', '@photostructure/sqlite'],
  observe: ['xstate', 'zod'],
  'agent-kit': [],
  words: ['xstate', 'zod', 'ms'],
  terminal: ['cli-table3', 'string-width'],
  diagram: ['@viz-js/viz'],
  repl: [],
  inspector: ['xstate', 'ws'],
  dashboard: [],
  mcp: ['zod', '@modelcontextprotocol/server', '@modelcontextprotocol/server/stdio'],
  root: ['xstate', 'zod', 'nanoid', 'ms'],
  daemon: ['zod', 'hono', '@hono/node-server'],
  cli: ['commander', 'cli-table3', 'yaml'],
}

const roomOf = (file: string): string => ROOMS.find(({ has }) => has.test(file))?.name ?? `no room: ${file}`
const isFile = (target: string): boolean => target.endsWith('.ts')

t.test('every file stands in a room', async (t) => {
  t.strictSame(
    sources.map(({ file }) => roomOf(file)).filter((room) => room.startsWith('no room')),
    [],
  )
  t.ok(sources.length > 40)
})

t.test('a file imports only from its own room and those above, types too', async (t) => {
  const wrong = sources.flatMap(({ file, imports }) => {
    const room = ROOMS.find(({ has }) => has.test(file))
    return imports
      .filter(
        ({ target }) =>
          isFile(target) && roomOf(target) !== room?.name && !room?.sees.includes(roomOf(target)),
      )
      .map(({ target }) => `${file} → ${target}`)
  })
  t.strictSame(wrong, [])
})

t.test('a room uses only the packages that it is for', async (t) => {
  const wrong = sources.flatMap(({ file, imports }) =>
    imports
      .filter(({ target }) => !isFile(target) && !target.startsWith('node:'))
      .filter(({ target }) => !PACKAGES[roomOf(file)]?.includes(target))
      .map(({ target }) => `${file} → ${target}`),
  )
  t.strictSame(wrong, [])
})

t.test('the machines are pure: no Node, no clock, no dice', async (t) => {
  const impure = [
    'process',
    'Buffer',
    'console',
    'fetch',
    'performance',
    'crypto',
    'setTimeout',
    'setInterval',
    'setImmediate',
    'queueMicrotask',
  ]
  const wrong: string[] = []
  for (const { file, tree, imports } of sources.filter(({ file }) => roomOf(file) === 'machines')) {
    wrong.push(
      ...imports
        .filter(({ target }) => target.startsWith('node:'))
        .map(({ target }) => `${file} → ${target}`),
    )
    walk(tree, (node) => {
      const called = ts.isCallExpression(node) || ts.isNewExpression(node) ? node.expression : undefined
      const text = ts.isPropertyAccessExpression(node) ? node.getText() : ''
      const now = ts.isNewExpression(node) && called?.getText() === 'Date'
      if (text === 'Date.now' || text === 'Math.random' || now) wrong.push(`${file}: ${node.getText()}`)
      if (called && ts.isIdentifier(called) && impure.includes(called.text))
        wrong.push(`${file}: ${called.text}()`)
      if (
        ts.isPropertyAccessExpression(node) &&
        ts.isIdentifier(node.expression) &&
        ['performance', 'Buffer', 'console', 'crypto', 'globalThis'].includes(node.expression.text)
      )
        wrong.push(`${file}: ${text}`)
    })
  }
  t.strictSame(wrong, [])
})

t.test('the ladder and the words are free of XState: the launcher has them too', async (t) => {
  for (const file of ['machines/escalation.ts', 'machines/events.ts'])
    t.strictSame([...loadedBy(file).packages], [], file)
})

t.test('a client loads no supervisor, no machine, no schema and no server', async (t) => {
  const { files, packages } = loadedBy('src/client/index.ts')
  const strangers = [...files].filter(
    (file) => /^src\/(supervisor|runtime|agent)\.ts$/.test(file) || roomOf(file) === 'health',
  )
  t.strictSame(strangers, [])
  t.strictSame(
    [...packages].filter((name) => !name.startsWith('node:')),
    ['ms'],
  )
})

t.test('what agents import is small: no package, no machine, nothing of the supervisor', async (t) => {
  const { files, packages } = loadedBy('src/agent-kit/index.ts')
  t.strictSame([...packages], ['node:fs'])
  t.strictSame(
    [...files].filter((file) => !file.startsWith('src/agent-kit/')).sort(),
    ['machines/events.ts'],
    'the words alone',
  )
})

t.test('the launcher is small: no state machine, no schema, no registry', async (t) => {
  const { files, packages } = loadedBy('src/process/launcher-host.ts')
  t.strictSame(
    [...packages].filter((name) => !name.startsWith('node:')),
    [],
  )
  t.strictSame(
    [...files].filter((file) => !['process', 'ground', 'machines'].includes(roomOf(file))),
    [],
  )
  const machines = [...files].filter((file) => file.startsWith('machines/'))
  t.strictSame(
    machines.filter((file) => !/\/(escalation|events)\.ts$/.test(file)),
    [],
  )
})
