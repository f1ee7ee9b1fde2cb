/** `/v1/entries`: the log as it comes, from any place in it, however often a reader leaves and comes back. */
import http from 'node:http'
import path from 'node:path'
import t from 'tap'
import { createSupervisor, type Entry } from '../../src/index.ts'
import { sqliteRegistry } from '../../src/registry/sqlite.ts'
import { serverEvents } from '../../src/server-events.ts'
import { crew, FOREVER, nothingIsLeft, refusal, remember, soon, temporaryFolder, until } from '../support.ts'
import { ask, serving } from './rig.ts'

nothingIsLeft(t)

const { daemon, client } = await serving(t)

/** Reads until it has seen enough, then leaves without a word. */
async function events(query: string, enough: (seen: string[]) => boolean, headers = {}): Promise<string[]> {
  const seen: string[] = []
  const response = await new Promise<http.IncomingMessage>((resolve, reject) => {
    const options = { socketPath: daemon.socket, path: `/v1/entries${query}`, headers, agent: false }
    http.get(options, resolve).on('error', reject)
  })
  response.setEncoding('utf8')
  for await (const { event, data, id } of serverEvents(response as AsyncIterable<string>)) {
    seen.push(
      event === 'hello'
        ? `hello ${id}`
        : `${id} ${event} ${event === 'error' ? data : JSON.parse(data).name}`,
    )
    if (enough(seen)) break
  }
  response.destroy()
  return seen
}

t.test('a reader that leaves after every few events misses nothing, and gets nothing twice', async (t) => {
  const agents = await Promise.all(
    Array.from({ length: 8 }, (_, i) =>
      client.spawn({ name: `a${i}`, command: FOREVER, task: i < 4 ? 'T' : 'U' }),
    ),
  )
  for (const agent of agents) remember((await agent.ready).pid ?? 0)
  const first = await events('?since=start', (seen) => seen.length >= 4)
  let last = first.at(-1)?.split(' ')[0] ?? ''
  const places = first.slice(1).map((each) => each.split(' ')[0])
  const ending = Promise.all(agents.map((agent) => agent.stop()))
  while (places.length < 8 * 6) {
    const more = await soon(
      events('', (seen) => seen.length >= 4, { 'last-event-id': last }),
      'more comes',
    )
    t.equal(more[0], `hello ${last}`)
    places.push(...more.slice(1).map((each) => each.split(' ')[0]))
    last = more.at(-1)?.split(' ')[0] ?? ''
  }
  await ending
  t.strictSame(
    places,
    places.map((_, i) => `${daemon.supervisorId}:${i + 1}`),
  )
  t.strictSame(
    (await events('?since=start&agent=a3', (seen) => seen.some((each) => each.endsWith(' a3')))).filter(
      (each) => !/hello|a3$/.test(each),
    ),
    [],
    'narrowed to one agent',
  )
  await until(async () => (await client.status()).streams === 0, { what: 'every stream is counted out' })
})

t.test('many who vanish leave nothing', async (t) => {
  const open = Array.from({ length: 60 }, () => {
    const request = http.get({ socketPath: daemon.socket, path: '/v1/entries', agent: false }, (response) => {
      response.on('error', () => {})
      response.resume()
    })
    request.on('error', () => {})
    return request
  })
  await until(async () => (await client.status()).streams === 60, { what: 'they are open' })
  for (const request of open) request.destroy()
  await until(async () => (await client.status()).streams === 0, { what: 'they are gone' })
  t.equal((await ask({ socketPath: daemon.socket, path: '/v1/agents' })).status, 200)
})

t.test('a place that is not in the log is told, and the reader is not left waiting', async (t) => {
  const isOver = (seen: string[]) => seen.some((each) => each.includes(' error '))
  t.match((await soon(events('?since=nobody:7', isOver), 'it ends')).at(-1), /error .*"entries_gone"/)
  t.match(
    (await soon(events(`?since=${daemon.supervisorId}:99999`, isOver), 'it ends')).at(-1),
    /entries_gone/,
  )
})

t.test('from further back than memory reaches, and over to what comes', async (t) => {
  const file = path.join(temporaryFolder(t), 'x.db')
  const reeve = await crew(t, { registry: sqliteRegistry(file) })
  const agent = reeve.spawn({ command: FOREVER })
  await agent.ready
  const many = 10_500
  for (let i = 0; i < many; i++) {
    agent.heartbeat({ type: 'usage', turns: 1 })
    if (i % 500 === 0) await new Promise((resolve) => setImmediate(resolve))
  }
  const read = async (since: number | string, upTo: number) => {
    const entries: Entry[] = []
    for await (const entry of reeve.entries({ since })) {
      entries.push(entry)
      if (entry.seq >= upTo) break
    }
    return entries.map(({ seq }) => seq)
  }
  const upTo = 3 + many
  const all = Array.from({ length: upTo }, (_, i) => i + 1)
  for (const since of ['start', `${reeve.id}:200`]) {
    const wanted = since === 'start' ? all : all.slice(200)
    const seen = await read(since, upTo)
    t.ok(seen.length === wanted.length && seen.every((seq, i) => seq === wanted[i]), since)
  }
  await refusal(() => read(0, upTo), 'entries_gone')
  await refusal(() => read('x', upTo), 'invalid_spec')
  const over = new AbortController()
  const waiting = (async () => {
    for await (const _ of reeve.entries({ signal: over.signal })) t.fail('nothing comes')
  })()
  over.abort()
  await soon(waiting, 'the signal ends it')

  await agent.stop()
  await reeve.stop()
  await using next = await createSupervisor({ home: reeve.home, registry: sqliteRegistry(file) })
  const second = next.spawn({ command: FOREVER })
  remember((await second.ready).pid ?? 0)
  const seen: string[] = []
  for await (const entry of next.entries({ since: `${reeve.id}:${upTo}` })) {
    seen.push(`${entry.agentId === agent.id ? 'first' : 'second'} ${entry.to}`)
    if (entry.to === 'running') break
  }
  t.strictSame(seen, [
    ...['first terminating', 'first terminating', 'first reaping', 'first killed'],
    ...['second spawning', 'second pre_starting', 'second running'],
  ])
})
