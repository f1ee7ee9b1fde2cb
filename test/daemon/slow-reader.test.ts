/** Readers of a daemon's socket that do not read, or vanish: they cost little, are dropped, and disturb nobody. */
import diagnostics from 'node:diagnostics_channel'
import net, { type Socket } from 'node:net'
import t from 'tap'
import { connect } from '../../src/client/index.ts'
import { runDaemon } from '../../src/daemon/daemon.ts'
import { serverEvents } from '../../src/server-events.ts'
import { nothingIsLeft, soon, temporaryFolder, until } from '../support.ts'

nothingIsLeft(t)
t.setTimeout(120_000)

const NOTES = 4_000
/** Each of these comes to about 1.6 KB on the wire: together far more than a socket holds. */
const message = 'm'.repeat(1_000)

const served: Socket[] = []
const accepted = (said: unknown) => void served.push((said as { socket: Socket }).socket)
diagnostics.subscribe('net.server.socket', accepted)
t.teardown(() => diagnostics.unsubscribe('net.server.socket', accepted))

const home = temporaryFolder(t)
const daemon = await runDaemon({ home }, () => {}, { slowAfterMs: 1_500 })
const { reeve } = daemon
const { socket: path } = daemon.status()
const client = await connect({ home })
t.teardown(async () => {
  client.close()
  await daemon.stop()
  // A daemon leaves by process.exit().
  ;(served[0] as unknown as { server: net.Server }).server.close()
})

/** A request as it goes over the wire, and the daemon's end of its connection. */
async function raw(...requests: readonly string[]): Promise<{ mine: Socket; theirs: Socket }> {
  const before = served.length
  const mine = net.connect({ path })
  const theirs = await until(() => served[before], { what: 'the daemon has accepted it' })
  mine.on('error', () => {})
  mine.write(requests.map((each) => `GET ${each} HTTP/1.1\r\nHost: x\r\n\r\n`).join(''))
  return { mine, theirs }
}

const seqOf = (id: string) => Number(id.split(':')[1])

async function* eventsOf(response: AsyncIterable<string>): AsyncGenerator<number> {
  for await (const { event, id } of serverEvents(response)) if (event !== 'hello' && id) yield seqOf(id)
}

t.test(
  'a reader that does not read is dropped; the others get all, and so does it when it comes back',
  async (t) => {
    const agent = reeve.spawn({ name: 'talker', command: ['sleep', '600'] })
    await agent.ready
    const begin = seqOf(reeve.place)
    const last = begin + NOTES

    const slow = await raw(`/v1/entries?since=${reeve.place}`)
    const vanishing = await raw(`/v1/entries?since=${reeve.place}`)
    const read = (async () => {
      const seen: number[] = []
      for await (const { seq } of client.entries({ since: `${reeve.id}:${begin}` })) {
        seen.push(seq)
        if (seq === last) return seen
      }
      return seen
    })()
    await until(() => daemon.status().streams === 3, { what: 'all three are there' })
    vanishing.mine.destroy()

    let most = 0
    for (let i = 0; i < NOTES; i += 1) {
      agent.heartbeat({ type: 'waiting', on: 'tool', message: `${i} ${message}` })
      if (i % 100 !== 0) continue
      await new Promise((resolve) => setImmediate(resolve))
      most = Math.max(most, slow.theirs.writableLength)
    }
    const all = Array.from({ length: NOTES }, (_, i) => begin + 1 + i)
    t.strictSame(await soon(read, 'the one that reads has them all'), all)
    most = Math.max(most, slow.theirs.writableLength)
    t.ok(most > 0 && most < 512 * 1024, `${most} bytes waited for it in the daemon`)
    await until(() => slow.theirs.destroyed, { what: 'it is dropped' })
    await until(() => daemon.status().streams === 0, { what: 'every stream is counted out' })

    // What the socket itself held is still there to be read.
    slow.mine.setEncoding('utf8')
    let text = ''
    for await (const piece of slow.mine) text += piece
    const had = [...text.matchAll(/^id: \S+:(\d+)$/gm)]
      .map((found) => Number(found[1]))
      .filter((seq) => seq > begin)
    t.ok(had.length > 0 && had.length < NOTES, `it had ${had.length}`)
    const place = had.at(-1) ?? 0
    const rest: number[] = []
    const back = net.connect({ path })
    back.setEncoding('utf8')
    back.write(`GET /v1/entries HTTP/1.0\r\nHost: x\r\nLast-Event-ID: ${reeve.id}:${place}\r\n\r\n`)
    for await (const seq of eventsOf(back)) {
      rest.push(seq)
      if (seq === last) break
    }
    back.destroy()
    t.strictSame([...had, ...rest], all, 'nothing missed, nothing twice')
    await agent.kill()
  },
)

t.test(
  'an answer that nobody reads does not wait for ever; one that takes its time is not cut off',
  async (t) => {
    const { mine, theirs } = await raw(...Array.from({ length: 40 }, () => '/openapi.json'))
    mine.pause()
    const sleeper = reeve.spawn({ command: ['sleep', '600'] })
    await sleeper.ready
    const { theirs: waiting, mine: waiter } = await raw(`/v1/agents/${sleeper.id}/wait?for=ended`)
    await until(() => theirs.destroyed, { what: 'it is dropped' })
    t.notOk(waiting.destroyed)
    waiter.setEncoding('utf8')
    const answer = (async () => {
      for await (const text of waiter) return String(text)
      return ''
    })()
    await sleeper.kill()
    t.match(await soon(answer, 'the answer comes'), /^HTTP\/1\.1 200 /)
    waiter.destroy()
    mine.destroy()
  },
)
