/** Each benchmark runs, in a tiny size, says something finite, and leaves nothing behind. How fast it was is not asked. */
import { execFile } from 'node:child_process'
import { readdirSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import type { Figure, Row } from '../../bench/types.ts'

/** The checkout, and the build that this file is of: it is `<root>/<dist>/test/bench/bench.test.js`. */
const ROOT = fileURLToPath(new URL('../../../', import.meta.url))
const DIST = fileURLToPath(new URL('../../', import.meta.url))
const RUN = path.join(ROOT, 'bench', 'run.js')

const { NAMES } = await import(pathToFileURL(path.join(ROOT, 'bench', 'suite.js')).href)

/** Whoever has this folder in its command line or its environment. */
function processesOf(folder: string): string[] {
  return readdirSync('/proc').filter((pid) => {
    if (!(Number(pid) > 0)) return false
    try {
      return ['cmdline', 'environ'].some((file) =>
        readFileSync(`/proc/${pid}/${file}`, 'latin1').includes(folder),
      )
    } catch {
      return false
    }
  })
}

for (const name of NAMES as string[])
  t.test(`${name} runs`, async (t) => {
    const folder = t.testdir()
    const out = path.join(folder, 'results.json')
    const args = [RUN, '--only', name, '--size', 'tiny', '--out', out]
    const env = { ...process.env, REEVE_DIST: DIST, TMPDIR: folder, PATH: process.env.PATH }
    const { stdout } = await promisify(execFile)(process.execPath, args, { env, timeout: 60_000 })
    const written = JSON.parse(readFileSync(out, 'utf8'))
    t.match(written, { size: 'tiny', machine: { node: process.version, cores: Number, date: /^\d{4}-/ } })
    const [result] = written.results as { name: string; rows: Row[]; notes: string[] }[]
    t.equal(result?.name, name)
    t.ok(result && (result.rows.length > 0 || result.notes.length > 0), 'it says something')
    for (const { what, measured, raw } of result?.rows ?? []) {
      t.ok(stdout.includes(what), `the table shows ${what}`)
      for (const figure of [measured, raw].filter((each): each is Figure => each !== undefined))
        t.ok(
          figure.n > 0 && [figure.value, figure.low, figure.high].every(Number.isFinite),
          `${what}: finite`,
        )
    }
    t.strictSame(processesOf(folder), [], 'nothing is left')
    t.notOk(
      readdirSync(folder).some((each) => each.startsWith('reeve-bench-')),
      'no folder is left',
    )
  })

t.test('a name that is none is refused, with those that there are', async (t) => {
  const run = promisify(execFile)(process.execPath, [RUN, '--only', 'nothing'], {
    env: { ...process.env, REEVE_DIST: DIST },
  })
  await t.rejects(run, { code: 2, stderr: /nothing: there is .*spawn-blocks/ })
})
