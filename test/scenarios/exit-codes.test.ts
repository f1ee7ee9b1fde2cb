import os from 'node:os'
import t from 'tap'
import { crew, fixture, nothingIsLeft } from '../support.ts'

nothingIsLeft(t)

t.test('7. exit N for N = 0 … 255: the exact code, completed where exitCodes has it', async (t) => {
  const c = await crew(t)
  const codes = Array.from({ length: 256 }, (_, code) => code)
  const agents = codes.map((code) =>
    c.spawn({
      name: `exit ${code}`,
      command: [fixture('exits-with.sh'), String(code)],
      exitCodes: [0, 3, 255],
    }),
  )
  const records = await Promise.all(agents.map((agent) => agent.ended))
  t.same(
    records.map(({ exit }) => exit),
    codes.map((code) => ({ code, signal: null })),
  )
  const completed = records.filter(({ state }) => state === 'completed').map(({ exit }) => exit?.code)
  t.same(completed, [0, 3, 255])
  t.ok(
    records.every(({ state, reason }) => reason === null && (state === 'completed' || state === 'crashed')),
  )
})

t.test(
  '7. death by each signal: that signal, crashed, and nobody is said to have asked for it',
  async (t) => {
    const c = await crew(t)
    const harmless = ['SIGCHLD', 'SIGCONT', 'SIGURG', 'SIGWINCH', 'SIGSTOP', 'SIGTSTP', 'SIGTTIN', 'SIGTTOU']
    // Some numbers have two names; the first is the one that is told.
    const byNumber = new Map(
      Object.entries(os.constants.signals)
        .reverse()
        .map(([name, number]) => [number, name]),
    )
    const fatal = [...byNumber].filter(([, name]) => !harmless.includes(name))
    t.ok(fatal.length > 20)
    const agents = fatal.map(([number, name]) =>
      c.spawn({ name, command: [fixture('dies-of.sh'), String(number)] }),
    )
    for (const agent of agents) {
      const { state, exit, reason, error } = await agent.ended
      t.same(
        { state, exit, reason, error },
        {
          state: 'crashed',
          exit: { code: null, signal: agent.name },
          reason: null,
          error: null,
        },
      )
    }
  },
)

t.test('ready of one that ends before it is ready says how it ended', async (t) => {
  const c = await crew(t)
  const well = c.spawn({ name: 'well', command: ['true'], ready: { report: true } })
  await t.rejects(well.ready, {
    code: 'ended_before_ready',
    message: /exited with code 0 before it was ready/,
  })
  t.equal(well.state, 'completed', 'and a good exit while pre_starting is completed')
  const badly = c.spawn({ name: 'badly', command: [fixture('dies-of.sh'), '11'], ready: { line: 'never' } })
  await t.rejects(badly.ready, { code: 'ended_before_ready', message: /SIGSEGV/ })
  t.equal(badly.state, 'crashed')
})
