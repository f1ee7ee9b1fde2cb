/** `npm run simulate -- --help` */
import { install } from './hooks.ts'

install()
const { simulate } = await import('./command.ts')
process.exitCode = await simulate(process.argv.slice(2), console.log)
