import { readFileSync } from 'node:fs'
import t from 'tap'
import { crew, FOREVER, fixture, nothingIsLeft, refusal, soon, until } from '../support.ts'

nothingIsLeft(t)

const REPEATS = { command: [fixture('repeats-stdin.sh')], stdin: 'open' as const }

for (const launcher of [undefined, 'inline'] as const)
  t.test(
    `what is sent is read, in order, in every life; nothing is added (${launcher ?? 'process'})`,
    async (t) => {
      const c = await crew(t, { launcher })
      const agent = c.spawn(REPEATS)
      await agent.ready
      await agent.send('one\ntw')
      await agent.send('o\n')
      await Promise.all(Array.from({ length: 50 }, (_, i) => agent.send(`line ${i} ü\n`)))
      const log = () => readFileSync(agent.record.logFile, 'utf8')
      await until(() => log().includes('got line 49') || null, { what: 'all lines' })
      t.equal(
        log(),
        ['one', 'two', ...Array.from({ length: 50 }, (_, i) => `line ${i} ü`)]
          .map((line) => `got ${line}\n`)
          .join(''),
      )
      await agent.restart()
      await agent.send('again\n')
      await until(() => log().includes('got again') || null, { what: 'an answer of the second life' })
      t.notMatch(log(), /end of input/, 'its stdin never ended')
    },
  )

t.test('an agent that does not read: bounded, refused after a while, the host never blocked', async (t) => {
  const c = await crew(t)
  const agent = c.spawn({ command: FOREVER, stdin: 'open' })
  await agent.ready
  let longest = 0
  let last = performance.now()
  const ticks = setInterval(() => {
    longest = Math.max(longest, performance.now() - last)
    last = performance.now()
  }, 5)
  t.teardown(() => clearInterval(ticks))
  const sends = Array.from({ length: 40 }, () =>
    agent.send('x'.repeat(65_536)).then(
      () => 'sent',
      ({ code }) => code,
    ),
  )
  const outcomes = await soon(Promise.all(sends), 'all settle')
  t.ok(outcomes.includes('not_accepting_input'))
  t.same([...new Set(outcomes)].sort(), ['not_accepting_input', 'sent'])
  t.ok(longest < 5000, `longest pause ${longest}`)
  t.match(await soon(agent.stop(), 'stopped'), { killedGracefully: true })
})

t.test(
  'send is refused where there is no stdin, no life, and for what is no text; the message says the way out',
  async (t) => {
    const c = await crew(t)
    const closed = c.spawn({ name: 'closed', command: FOREVER })
    await closed.ready
    t.match(
      (await refusal(() => closed.send('x'), 'not_accepting_input')).message,
      /Spawn it with stdin: "open"/,
    )
    const open = c.spawn({ ...REPEATS, name: 'open' })
    await refusal(() => open.send('x'), 'not_accepting_input')
    await open.ready
    await refusal(() => open.send(7 as unknown as string), 'invalid_spec')
    await open.send('')
    await open.stop()
    t.match((await refusal(() => open.send('x'), 'not_accepting_input')).message, /killed/)
  },
)

t.test('sends under way when it ends are rejected, not left hanging', async (t) => {
  const c = await crew(t)
  const agent = c.spawn({ command: FOREVER, stdin: 'open' })
  await agent.ready
  const sends = Array.from({ length: 8 }, () => agent.send('x'.repeat(100_000)))
  const settled = Promise.allSettled(sends)
  await agent.kill()
  t.ok((await soon(settled, 'settled')).some(({ status }) => status === 'rejected'))
})
