/** The programs of the README run as they stand, and do what their comments say. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { ROOT } from './sources.ts'

const readme = readFileSync(path.join(ROOT, 'README.md'), 'utf8')
const PROGRAM = /```js\n([\s\S]*?)```/
const program = PROGRAM.exec(readme)?.[1] ?? ''

async function run(home: string, file: string) {
  const env = { ...process.env, XDG_STATE_HOME: home, REEVE_HOME: '' }
  return promisify(execFile)(process.execPath, [path.join(home, file)], { env, cwd: home, timeout: 30_000 })
}

t.test('the example runs and leaves nothing behind', async (t) => {
  t.ok(program.split('\n').length < 20, 'it is short')
  // Within the package's own folder: `reeve` is the build that would be published.
  const home = t.testdir({ 'example.js': program })
  const { stdout, stderr } = await run(home, 'example.js')
  const [first = '', second] = stdout.trim().split('\n')
  const pid = Number(/^running (\d+)$/.exec(first)?.[1])
  t.ok(pid > 1, first)
  t.equal(second, 'killed true')
  t.equal(stderr, '')
  t.throws(() => process.kill(pid, 0), { code: 'ESRCH' }, 'its process is gone')
})

t.test('a crew that depends on each other, in under ten lines', async (t) => {
  const groups = PROGRAM.exec(readme.slice(readme.indexOf('### Groups')))?.[1] ?? ''
  const lines = groups.trim().split('\n')
  t.ok(lines.length < 10 && lines.length > 3)
  const forever = 'setInterval(() => {}, 1e9)'
  const home = t.testdir({
    'store.js': forever,
    'planner.js': forever,
    'coder.js': forever,
    'example.js': [
      "import { createSupervisor } from 'reeve'",
      'const reeve = await createSupervisor()',
      "reeve.on('transition', ({ name, to }) => to === 'killed' && console.log(name))",
      ...lines.toSpliced(-1, 0, 'await Promise.all([store.ready, planner.ready])'),
      'await reeve.stop()',
    ].join('\n'),
  })
  const { stdout, stderr } = await run(home, 'example.js')
  t.same([stdout.trim().split('\n'), stderr], [['ada', 'planner', 'store'], ''], 'the last first')
})
