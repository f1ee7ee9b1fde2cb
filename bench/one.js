/** Runs one benchmark in a process of its own, and tells its parent: `one.js <name> <size>`. */
/** @import { Name } from './suite.js' */
/** @import { Size } from './types.ts' */
import { load } from './suite.js'

const [name, size] = /** @type {[Name, Size]} */ (process.argv.slice(2))
// Whoever asked is gone: hosts and launchers see to it that nothing is left.
process.on('disconnect', () => process.exit(1))
const { about, run } = await load(name)
const result = await run(size)
process.send?.({ about, ...result }, () => process.disconnect())
