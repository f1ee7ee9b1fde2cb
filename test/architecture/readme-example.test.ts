/** The first program of the README runs as it stands, and does what its comments say. */
import { execFile } from 'node:child_process'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { ROOT } from './sources.ts'

const program = /```js\n([\s\S]*?)```/.exec(readFileSync(path.join(ROOT, 'README.md'), 'utf8'))?.[1] ?? ''

t.test('the example runs and leaves nothing behind', async (t) => {
  t.ok(program.split('\n').length < 20, 'it is short')
  // Within the package's own folder: `reeve` is the build that would be published.
  const home = t.testdir({ 'example.js': program })
  const env = { ...process.env, XDG_STATE_HOME: home, REEVE_HOME: '' }
  const { stdout, stderr } = await promisify(execFile)(process.execPath, [path.join(home, 'example.js')], {
    env,
    timeout: 30_000,
  })
  const [first = '', second] = stdout.trim().split('\n')
  const pid = Number(/^running (\d+)$/.exec(first)?.[1])
  t.ok(pid > 1, first)
  t.equal(second, 'killed true')
  t.equal(stderr, '')
  t.throws(() => process.kill(pid, 0), { code: 'ESRCH' }, 'its process is gone')
})
