/**
 * Every test file, a few in each process: `npm test` is tap over this one. What is tested is built JavaScript, so a process
 * is plain Node, without the loaders (TypeScript, mocks, coverage) that tap's runner puts before each file that it is given,
 * which take 0.7 s of CPU. One file alone: `node dist/test/home.test.js`.
 */
import { readdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

/** What runs at a time: files with real processes wait more than they compute. */
const JOBS = 5
/** A process that has not ended by then is ended, with a word on what it was doing. */
const TIMEOUT_MS = 300_000
/**
 * The others share a process, so many at a time: what they load costs more than what most of them do. Fewer where processes
 * are forked: that takes the longer, the more memory a process has.
 */
const TOGETHER = { forking: 8, computing: 16 }
/** What takes long, or whose own tests run side by side, has a process of its own. */
const OF_ITS_OWN = [
  'cli/cli',
  'scenarios/heartbeats',
  'scenarios/recovery',
  'simulation/simulation',
  'mcp/mcp',
  'scenarios/starting',
  'repl/repl',
  'scenarios/lanes',
  'process/outlives',
  'process/takeover',
  'scenarios/supervisor-dies',
  'process/containment',
]
/** Tried by `.ci/run`: what is no part of what is published, and what needs more than Node (`npm run browser-checks`). */
const APART = ['bench/bench', 'inspector/page']
/** Every source as a syntax tree is read once, and held by no process that forks. */
const READS_SOURCES = 'architecture'
/** Most files of these folders have real processes; the rest computes. */
const FORKING = ['scenarios', 'process', 'daemon', 'contract', 'registry', 'health']

const here = fileURLToPath(new URL('.', import.meta.url))
const files = readdirSync(here, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.js'))
  .map((file) => file.replace(/\.test\.js$/, ''))
  .filter((file) => !APART.includes(file))
  .sort()
const others = files.filter((file) => !OF_ITS_OWN.includes(file) && dirname(file) !== READS_SOURCES)

function inGroupsOf(most: number, all: readonly string[]): string[][] {
  const count = Math.ceil(all.length / most)
  return Array.from({ length: count }, (_, nth) => all.slice(nth * most, (nth + 1) * most))
}

const forking = inGroupsOf(
  TOGETHER.forking,
  FORKING.flatMap((folder) => others.filter((file) => dirname(file) === folder)),
)
const alone = OF_ITS_OWN.map((file) => [file])
/** What takes long begins, and what waits runs beside what computes; what is short fills the end. */
const groups = [
  ...inGroupsOf(
    TOGETHER.computing,
    others.filter((file) => !FORKING.includes(dirname(file))),
  ),
  ...forking.flatMap((group) => [group, ...alone.splice(0, 1)]),
  files.filter((file) => dirname(file) === READS_SOURCES),
  ...alone,
]

/**
 * tap gives every process that it starts a loader and V8's coverage by NODE_OPTIONS, and so to all that a test starts: a
 * quarter of what the whole suite took. Certificates each Node reads for 50 ms.
 */
const PLAIN = ['-u', 'NODE_OPTIONS', '-u', 'NODE_EXTRA_CA_CERTS', process.execPath]

t.setTimeout(0)
t.jobs = JOBS
t.plan(groups.length)
for (const group of groups) {
  const paths = group.map((file) => join(here, `${file}.test.js`))
  t.spawn(
    'env',
    [
      ...PLAIN,
      '--enable-source-maps',
      ...[join(here, 'unwatched.js'), ...paths.slice(1)].map((path) => `--import=${path}`),
      ...paths.slice(0, 1),
    ],
    {
      name: group.map((file) => `${file}.test.ts`).join(' '),
      buffered: true,
      timeout: TIMEOUT_MS,
      env: { ...process.env, TAP_TIMEOUT: String(TIMEOUT_MS / 1000) },
    },
  )
}
