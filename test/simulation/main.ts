/**
 * `npm run simulate`: runs seeds, says what was run, and replays a failure to the letter.
 *
 *   -- --seeds 200            so many seeds, from --seed on (default 1)
 *   -- --minutes 1            as many seeds as fit
 *   -- --seed 7 --steps 300   one seed
 *   -- --only 3,17            the actions of these steps alone: a shortened trace
 *   -- --break lost-exit      with a fault put in on purpose; exits 1 when it is found
 *   -- --trace                prints every line of the trace
 */
import { install } from './hooks.ts'

install()
const { simulate } = await import('./simulate.ts')
// What a violated run left pending holds nobody here.
const code = await simulate(process.argv.slice(2))
process.stdout.write('', () => process.exit(code))
