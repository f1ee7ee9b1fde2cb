/** An agent that works in steps, and counts what they cost. It runs as well without Reeve. */
import { setTimeout as sleep } from 'node:timers/promises'
import { onCancel, ready, result, usage } from 'reeve/agent'

let cancelled = false
onCancel(({ by }) => {
  cancelled = true
  console.log(`asked to end, by ${by}: this step is the last`)
})

ready()
let steps = 0
while (!cancelled && steps < 100) {
  console.log(`step ${steps + 1} begins`)
  await sleep(250)
  usage({ turns: 1, tokens: 1200, usd: 0.02 })
  console.log(`step ${++steps} is done`)
}
result({ steps })
