/** The parts of the README that are made from the code: `npm run docs` writes them, a test holds them equal. */
import { ERRORS } from './errors.ts'
import { GROUP_DEFAULTS, groupOptionsSchema } from './group-options.ts'
import { errorTable, optionTable } from './observe/reference.ts'
import { supervisorOptionsSchema } from './options.ts'
import { agentSpecSchema, DEFAULTS } from './spec.ts'

/** Defaults that are no constants. */
const COMPUTED = {
  id: 'a random one',
  name: "`command[0]`'s base name + short id",
  cwd: "the supervisor's",
  env: 'inherited',
} as const

/** By the name of the markers in the README. */
export const readmeSections = (): Record<string, string> => ({
  'agent-options': optionTable(agentSpecSchema, { defaults: DEFAULTS, computed: COMPUTED }),
  'group-options': optionTable(groupOptionsSchema, { defaults: GROUP_DEFAULTS }),
  'supervisor-options': optionTable(supervisorOptionsSchema),
  errors: errorTable(ERRORS),
})
