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
const TIMEOUT_MS = 120_000
/** Folders whose files only read and compute, and share what takes long to load: a process for all of them. */
const TOGETHER = ['architecture', 'observe']
/** Those with the longest tests begin, so that none is left alone at the end. */
const FIRST = ['scenarios', 'daemon', 'process', 'health', 'contract', 'bench', 'registry']

const here = fileURLToPath(new URL('.', import.meta.url))
const folderOf = (file: string): string => file.split('/')[0] ?? ''
const rankOf = (file: string): number => FIRST.indexOf(folderOf(file)) + 1 || FIRST.length + 1
const files = readdirSync(here, { recursive: true, encoding: 'utf8' })
  .filter((file) => file.endsWith('.test.js'))
  .sort((a, b) => rankOf(a) - rankOf(b) || (a < b ? -1 : 1))
const groups = [
  ...TOGETHER.map((folder) => files.filter((file) => folderOf(file) === folder)),
  ...files.filter((file) => !TOGETHER.includes(folderOf(file))).map((file) => [file]),
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
