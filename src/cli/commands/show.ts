import type { Command } from 'commander'
import { ReeveError } from '../../errors.ts'
import type { AgentHandle } from '../../reeve.ts'
import { account } from '../../terminal/account.ts'
import type { Desk } from '../desk.ts'

/** @throws ReeveError `agent_not_found` */
export async function agentOf(desk: Desk, name: string): Promise<AgentHandle> {
  const handle = await (await desk.reeve()).get(name)
  if (handle) return handle
  throw new ReeveError('agent_not_found', `no agent has the id or name ${JSON.stringify(name)}`)
}

export const show = (program: Command, desk: Desk): Command =>
  program
    .command('show <agent>')
    .summary('all that is known of one agent')
    .description('Shows the record of one agent, by name or id; also of one that has ended.')
    .action(async (name: string) => {
      const { record } = await agentOf(desk, name)
      desk.answer(record, account(record, desk.screen))
    })
