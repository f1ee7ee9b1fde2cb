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

/** A call that throws, as its comment says, in a form that fails unless it does. */
const thrown = (line: string): string =>
  line.replace(
    /^(\S.*)\s\/\/ throws (\w+).*$/,
    (_, call, code) => `throws(() => ${call}, { code: '${code}' })`,
  )

t.test('each policy, in under ten lines that do what is said of them', async (t) => {
  const policies = readme.slice(readme.indexOf('## Concepts'), readme.indexOf('## API'))
  const blocks = [...policies.matchAll(new RegExp(PROGRAM, 'g'))].map(([, code = '']) => code.trim())
  for (const code of blocks) t.ok(code.split('\n').length < 10, code)
  // A crew is tried above; what is adopted, and what an agent says with its kit, are tried where real agents are.
  const steps = blocks.filter((code) => !/sqliteRegistry|reeve\/agent|const crew/.test(code))
  t.ok(steps.length >= 8)
  const home = t.testdir({
    'example.js': [
      "import { throws } from 'node:assert'",
      "import { createSupervisor } from 'reeve'",
      "const command = ['sleep', '600']",
      'const db = { close() {} }',
      'await Promise.all([',
      ...steps.map((code) => {
        const own = code.startsWith('const reeve')
        const lines = code.replace("memoryFree: '512mb'", "memoryFree: '1000tb'").split('\n').map(thrown)
        return `(async () => {
          ${own ? '' : "const reeve = await createSupervisor({ launcher: 'inline' })"}
          ${/'coder'/.test(lines.join().replace("kill('coder'", '')) || own ? '' : "const [coder] = ['coder', 'mate'].map((name) => reeve.spawn({ name, command, task: 'TASK-31' }))"}
          ${lines.join('\n')}
          await reeve.stop()
        })(),`
      }),
      '])',
    ].join('\n'),
  })
  const { stdout, stderr } = await run(home, 'example.js')
  t.same([stdout, stderr], ['', ''])
})
