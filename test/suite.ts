/**
 * Every test file, each in a process of its own: `npm test` is tap over this one. What is tested is built JavaScript, so a
 * file runs in plain Node, without the loaders (TypeScript, mocks, coverage) that tap's runner puts before each file that it
 * is given, which take 0.7 s of CPU a file. One alone: `node dist/test/home.test.js`.
 */
import { readdirSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

/** What runs at a time: files with real processes wait more than they compute. */
const JOBS = 3
/** A file that has not ended by then is ended, with a word on what it was doing. */
const TIMEOUT_MS = 180_000
/** Folders whose files start hardly a process, and share what takes long to load: a process for each of these. */
const TOGETHER = [['architecture'], ['observe', 'terminal', ''], ['machines'], ['registry']]
/** What takes long begins, so that none of it is left alone at the end: these files, then the rest of these folders. */
const LONGEST = [
  'scenarios/heartbeats',
  'simulation/simulation',
  'scenarios/recovery',
  'cli/cli',
  'scenarios/starting',
  'scenarios/mass-stop',
  'process/launcher-process',
  'scenarios/groups',
  'process/log-keeper',
  'mcp/mcp',
  'scenarios/sinks',
  'bench/bench',
  'process/takeover',
]
const FIRST = ['scenarios', 'daemon', 'process', 'health', 'contract']
/** Has processes of its own, though it stands among those that have none. */
const ALONE = ['home-lock.test.js']

const here = fileURLToPath(new URL('.', import.meta.url))
/** `''`: of those that stand in none. */
const folderOf = (file: string): string => (file.includes('/') ? (file.split('/')[0] ?? '') : '')
/** The place in a list, what is not in it behind. */
const placeIn = (list: readonly string[], each: string): number => list.indexOf(each) + 1 || list.length + 1
const rankOf = (file: string): number =>
  placeIn(LONGEST, file.replace(/\.test\.js$/, '')) * 100 + placeIn(FIRST, folderOf(file))
const files = readdirSync(here, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.js'))
  .sort((a, b) => rankOf(a) - rankOf(b) || (a < b ? -1 : 1))
const shares = (file: string): boolean => TOGETHER.flat().includes(folderOf(file)) && !ALONE.includes(file)
const groups = [
  ...TOGETHER.map((folders) => files.filter((file) => shares(file) && folders.includes(folderOf(file)))),
  ...files.filter((file) => !shares(file)).map((file) => [file]),
]

// None of what tap's runner gave this process for its children.
const env = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => name !== 'NODE_OPTIONS' && !name.startsWith('_TAPJS_')),
)

t.setTimeout(0)
t.jobs = JOBS
t.plan(groups.length)
for (const group of groups) {
  const paths = group.map((file) => join(here, file))
  t.spawn(
    process.execPath,
    ['--enable-source-maps', ...paths.slice(1).map((path) => `--import=${path}`), ...paths.slice(0, 1)],
    {
      name: group.map((file) => file.replace(/\.js$/, '.ts')).join(' '),
      buffered: true,
      timeout: TIMEOUT_MS,
      env: { ...env, TAP_TIMEOUT: String(TIMEOUT_MS / 1000) },
    },
  )
}
