/**
 * A process that holds crews and does what it is asked: `host.js <MB of memory> <raw | reeve> …`. What is measured
 * together for comparison runs in processes of its own each, or in one, as the benchmark wants it.
 */
/** @import { Crew } from './types.ts' */
/** @typedef {{ id: number, crew: string, method: Exclude<keyof Crew, 'close'>, args: never[] }} Asked */

const [megabytes, ...names] = process.argv.slice(2)
// Written to, so that it is there. In pieces: one piece would be huge pages on many machines, and forked at no cost.
const memory = Array.from({ length: Number(megabytes) }, () => Buffer.alloc(2 ** 20, 1))

/** @type {Map<string, Crew>} */
const crews = new Map()
for (const name of names) crews.set(name, await (await import(`./crews/${name}.js`)).openCrew())

process.on('message', async (/** @type {Asked} */ { id, crew, method, args }) => {
  try {
    const crewOf = crews.get(crew)
    if (crewOf === undefined) throw new Error(`there is no crew ${crew}`)
    const value = await /** @type {(...args: never[]) => unknown} */ (crewOf[method])(...args)
    process.send?.({ id, value })
  } catch (error) {
    process.send?.({ id, error: error instanceof Error ? (error.stack ?? error.message) : String(error) })
  }
})

let leaving = false
async function leave() {
  if (leaving) return
  leaving = true
  for (const crew of crews.values()) await crew.close()
  process.exit(memory.length < 0 ? 1 : 0)
}
process.on('disconnect', leave)
process.on('SIGTERM', leave)
process.send?.({ ready: process.memoryUsage().rss })
