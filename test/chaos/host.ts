/** A supervisor that is killed: it keeps a crew alive, with agents that come, go, are stopped, restarted and cancelled. */
import { createSupervisor } from '../../src/index.ts'
import { sqliteRegistry } from '../../src/registry/sqlite.ts'
import { Dice } from '../simulation/dice.ts'

const [folder = '', program = '', seed = '0', crew = '0'] = process.argv.slice(2)
const dice = new Dice(`${seed}`)
const reeve = await createSupervisor({
  home: `${folder}/home`,
  registry: sqliteRegistry(`${folder}/agents.db`),
  defaults: { heartbeat: false, stop: [{ signal: 'SIGTERM', wait: '300ms' }], env: { CHAOS: folder } },
})
process.stdout.write('ready\n')

const KINDS = ['short', 'crashes', 'stubborn', 'steady', 'steady'] as const
const nobodyWaits = (): void => {
  // What became of it stands in the log, which is what is looked at.
}

function stir(): void {
  const live = reeve.list()
  if (live.length < Number(crew)) {
    const kind = dice.pick(KINDS)
    const adopt = dice.next() < 0.5
    reeve.spawn({
      name: `${kind}-${adopt ? 'adopt' : 'end'}-${seed}-${dice.between(0, 999_999_999).toString(36)}`,
      command: [program, `${folder}/ledger`, kind],
      onSupervisorDeath: adopt ? 'adopt' : 'end',
      restart: dice.pick(['temporary', { policy: 'transient', backoff: { initial: '200ms', max: '1s' } }]),
    })
    return
  }
  const agent = reeve.get(dice.pick(live).id)
  const act = dice.between(0, 29)
  if (act === 0) agent?.stop().catch(nobodyWaits)
  else if (act === 1) agent?.kill().catch(nobodyWaits)
  else if (act === 2) agent?.restart().catch(nobodyWaits)
  else if (act === 3) agent?.cancel({ within: '300ms' }).catch(nobodyWaits)
}
setInterval(stir, 40)
