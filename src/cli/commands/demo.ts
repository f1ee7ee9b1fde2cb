import type { Command } from 'commander'
import type { Desk } from '../desk.ts'

const CREW = new URL('../../../../examples/crew.js', import.meta.url)

export const demo = (program: Command, _desk: Desk): Command =>
  program
    .command('demo')
    .summary('a crew of real processes, each with a habit that ends badly elsewhere')
    .description(
      'Runs a crew of real processes for some ten seconds, in a home and a registry of their own: what stalls, what crashes, what will not end.',
    )
    .action(async () => {
      await import(CREW.href)
    })
