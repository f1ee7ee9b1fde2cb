/** `reeve/agent`, in the agent's own process: what it writes, what it hears, and that it stands in nobody's way. */
import { execFile } from 'node:child_process'
import { appendFileSync, existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { promisify } from 'node:util'
import t from 'tap'
import { MAX_REPORT_BYTES } from '../../machines/events.ts'
import { parseReport } from '../../src/health/report.ts'
import { fixture, soon, temporaryFolder, until } from '../support.ts'

const KIT = new URL('../../lib/agent.js', import.meta.url).href
const outsideOfReeve = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !name.startsWith('REEVE_')),
)

/** Runs a program with the kit in scope, to its end; what holds its event loop would fail it. */
function agent(body: string, env: Record<string, string> = {}) {
  const program = `import * as kit from ${JSON.stringify(KIT)}\n${body}`
  const args = ['--input-type=module', '-e', program]
  return promisify(execFile)(process.execPath, args, { env: { ...outsideOfReeve, ...env }, timeout: 20_000 })
}

function place(t: Parameters<typeof temporaryFolder>[0]) {
  const folder = temporaryFolder(t)
  const report = path.join(folder, 'report')
  writeFileSync(report, '')
  const lines = () => readFileSync(report, 'utf8').split('\n').slice(0, -1)
  return { control: path.join(folder, 'control'), report, lines, env: { REEVE_REPORT: report } }
}

t.test('every word is a report that Reeve takes', async (t) => {
  const { lines, env } = place(t)
  const { stdout, stderr } = await agent(
    `console.log([
      kit.ready(), kit.beat(), kit.working(), kit.idle(), kit.waiting({ on: 'permission' }),
      kit.waiting({ on: 'rate_limit', until: new Date(0), message: 'a minute' }), kit.usage({ tokens: 5 }), kit.extend('5m'),
      kit.stopping('done'), kit.stopping(), kit.result({ tests: 'green' }), kit.result(undefined),
    ].every(Boolean))`,
    env,
  )
  t.equal(stdout, 'true\n')
  t.equal(stderr, '')
  t.match(
    lines().map((line) => parseReport(line)),
    [
      ...['ready', 'beat', 'working', 'idle'].map((type) => ({ ok: { type } })),
      { ok: { type: 'waiting', on: 'permission' } },
      { ok: { type: 'waiting', on: 'rate_limit', until: '1970-01-01T00:00:00.000Z', message: 'a minute' } },
      { ok: { type: 'usage', tokens: 5 } },
      { ok: { type: 'extend', by: 300_000 } },
      { ok: { type: 'stopping', message: 'done' } },
      { ok: { type: 'stopping' } },
      { ok: { type: 'result', value: { tests: 'green' } } },
      { ok: { type: 'result', value: null } },
    ],
  )
})

t.test('outside Reeve: nothing is written, nothing is held, every answer is false', async (t) => {
  const { stdout, stderr } = await agent(
    `const off = kit.onCancel(() => console.log('cancelled'))
    console.log(kit.ready(), kit.beat(), kit.usage({ turns: NaN }), kit.result(1n), typeof off, off())`,
  )
  t.equal(stdout, 'false false false false function undefined\n')
  t.equal(stderr, '')
})

t.test('what cannot be told is a warning, once, and no exception; the next report is whole', async (t) => {
  const { lines, env } = place(t)
  const { stdout, stderr } = await agent(
    `const circular = {}; circular.self = circular
    const long = 'x'.repeat(${MAX_REPORT_BYTES})
    console.log([kit.result(circular), kit.result(1n), kit.usage({ usd: NaN }),
      kit.waiting({ on: 'rate_limit', until: new Date('soon') }), kit.result(long), kit.result(long), kit.beat()].join())`,
    env,
  )
  t.equal(stdout, 'false,false,false,false,false,false,true\n')
  t.same(lines(), ['{"type":"beat"}'])
  for (const why of [/circular/i, /BigInt/, /usd is NaN/, /until is no date/]) t.match(stderr, why)
  t.equal(stderr.match(/may have 16384/g)?.length, 1)
  const gone = await agent('console.log(kit.beat())', { REEVE_REPORT: '/nowhere/report' })
  t.equal(gone.stdout, 'false\n')
  t.match(gone.stderr, /ReeveWarning: reeve\/agent: beat was not told: ENOENT/)
})

t.test('the longest result that is sent is one that is taken', async (t) => {
  const { lines, env } = place(t)
  const length = MAX_REPORT_BYTES - '{"type":"result","value":""}'.length
  t.match(await agent(`console.log(kit.result('x'.repeat(${length})))`, env), { stdout: 'true\n' })
  t.equal(Buffer.byteLength(lines()[0] ?? ''), MAX_REPORT_BYTES)
})

t.test('lines of many processes at once are each whole', async (t) => {
  const { lines, env } = place(t)
  const write = (who: number) =>
    agent(`for (let i = 0; i < 300; i += 1) kit.result({ who: ${who}, i, pad: 'x'.repeat(3000) })`, env)
  await Promise.all([1, 2, 3, 4].map(write))
  const said = lines().map((line) => JSON.parse(line).value)
  t.equal(said.length, 1200)
  for (const who of [1, 2, 3, 4])
    t.same(
      said.filter((each) => each.who === who).map(({ i }) => i),
      Array.from({ length: 300 }, (_, i) => i),
    )
})

const ASKED =
  '{"type":"cancel","reason":"budget","by":"supervisor","message":"it used 5 of 5 turns","until":"2030-01-01T00:00:00.000Z"}\n'

t.test(
  'a cancellation is heard once by each, early or late; what is no cancellation is passed over',
  async (t) => {
    const { control, env } = place(t)
    const running = agent(
      `const say = (who) => (request) => console.log(who, JSON.stringify(request))
    const off = kit.onCancel(say('taken out'))
    kit.onCancel(say('early'))
    off()
    const held = setInterval(() => {}, 1000)
    kit.onCancel(() => {
      clearInterval(held)
      setImmediate(() => kit.onCancel(say('late')))
    })`,
      { ...env, REEVE_CONTROL: control },
    )
    await until(() => existsSync(control), { what: 'it takes requests' })
    t.equal(statSync(control).mode & 0o777, 0o600)
    appendFileSync(control, 'gibberish\n{"type":"dance"}\n[]\nnull\n{"type":"can')
    appendFileSync(control, `cel"}\n`.replace('cel"}', 'not"}'))
    appendFileSync(control, ASKED + ASKED)
    const { stdout, stderr } = await soon(running, 'it ends')
    const request = {
      reason: 'budget',
      by: 'supervisor',
      message: 'it used 5 of 5 turns',
      until: '2030-01-01T00:00:00.000Z',
    }
    t.same(
      stdout
        .trim()
        .split('\n')
        .map((line) => [line.split(' ')[0], JSON.parse(line.slice(line.indexOf(' ')))]),
      [
        ['early', request],
        ['late', request],
      ],
    )
    t.equal(stderr, '')
  },
)

t.test(
  'asked before it looked, by a bare word too; who takes requests no more has no such file',
  async (t) => {
    const { control, env } = place(t)
    writeFileSync(control, 'cancel\n')
    const asked = await agent('kit.onCancel(({ reason, by }) => console.log(reason, by))', {
      ...env,
      REEVE_CONTROL: control,
    })
    t.equal(asked.stdout, 'cancelled user\n')
    const other = `${control}.other`
    const out = await agent(
      `import { existsSync } from 'node:fs'
    const [one, two] = [kit.onCancel(() => {}), kit.onCancel(() => {})]
    one(); const left = existsSync(process.env.REEVE_CONTROL); two()
    console.log(left, existsSync(process.env.REEVE_CONTROL))`,
      { ...env, REEVE_CONTROL: other },
    )
    t.equal(out.stdout, 'true false\n')
    const nowhere = await agent('kit.onCancel(() => {}); console.log("goes on")', {
      REEVE_CONTROL: '/nowhere/x',
    })
    t.equal(nowhere.stdout, 'goes on\n')
    t.match(nowhere.stderr, /SIGINT comes in its place: ENOENT/)
  },
)

t.test('one that throws is the agent’s own fault, and keeps it from no other', async (t) => {
  const { control } = place(t)
  writeFileSync(control, ASKED)
  const failed = agent(
    `process.on('uncaughtException', ({ message }) => console.log(message))
    kit.onCancel(() => { throw new Error('one') })
    kit.onCancel(() => console.log('another'))`,
    { REEVE_CONTROL: control },
  )
  t.equal((await failed).stdout, 'one\nanother\n')
})

t.test('a program that uses it runs as well alone', async (t) => {
  const { stdout } = await promisify(execFile)(process.execPath, [fixture('works-with-kit.js'), '1'], {
    env: outsideOfReeve,
  })
  t.equal(stdout, 'alone\nbegin\nend\n')
})
