/** Every default stands in one frozen object, in the schema, and in the README. */
import { readFileSync } from 'node:fs'
import path from 'node:path'
import t from 'tap'
import { daemonSections } from '../../src/daemon/reference.ts'
import { GROUP_DEFAULTS, groupOptionsSchema } from '../../src/group-options.ts'
import { fill, literal } from '../../src/observe/reference.ts'
import { supervisorOptionsSchema } from '../../src/options.ts'
import { readmeSections } from '../../src/reference.ts'
import { agentSpecSchema, DEFAULTS, defaultsSchema } from '../../src/spec.ts'
import { ROOT } from './sources.ts'

const readme = readFileSync(path.join(ROOT, 'README.md'), 'utf8')

const holders = (value: unknown, at = 'DEFAULTS'): [string, unknown][] =>
  typeof value !== 'object' || value === null
    ? []
    : [[at, value], ...Object.entries(value).flatMap(([key, inner]) => holders(inner, `${at}.${key}`))]

t.test('the defaults are frozen, all the way down', async (t) => {
  for (const [at, value] of [...holders(DEFAULTS), ...holders(GROUP_DEFAULTS, 'GROUP_DEFAULTS')])
    t.ok(Object.isFrozen(value), at)
})

t.test('the defaults are what a caller could have written', async (t) => {
  const { readyTimeout, readyProbe, livenessProbe, ...spec } = DEFAULTS
  const { failures, ...timing } = livenessProbe
  t.ok(
    agentSpecSchema.safeParse({ command: ['x'], liveness: { port: { port: 80, ...timing }, failures } })
      .success,
  )
  t.ok(defaultsSchema.safeParse(spec).success)
  t.ok(groupOptionsSchema.safeParse(GROUP_DEFAULTS).success)
  t.ok(agentSpecSchema.safeParse({ command: ['x'], ready: { report: true, timeout: readyTimeout } }).success)
  t.ok(agentSpecSchema.safeParse({ command: ['x'], ready: { port: { port: 80, ...readyProbe } } }).success)
})

t.test('the tables of the README are those of the code (npm run docs)', async (t) => {
  t.equal(readme, fill(readme, { ...readmeSections(), ...daemonSections() }))
})

t.test('each default and each field is in its table', async (t) => {
  const { 'agent-options': agent = '', 'supervisor-options': supervisor = '' } = readmeSections()
  for (const [name, value] of Object.entries(DEFAULTS))
    t.ok(agent.includes(literal(value)), `the default of ${name}`)
  const rows = (table: string) => [...table.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name)
  t.strictSame(rows(agent), Object.keys(agentSpecSchema.shape))
  t.strictSame(rows(supervisor), Object.keys(supervisorOptionsSchema.shape))
})
