/**
 * Puts the simulated machine in the place of the real one. The product is not changed for it: what it imports from
 * Node is resolved to the simulated module, for its own imports alone, and so are a few modules of its own; the
 * simulation itself gets the real ones.
 */
import { register } from 'node:module'

const here = new URL('.', import.meta.url).href
const product = new URL('../../', import.meta.url).href

/** Modules of others, by the name under which the product imports them. */
const OUTER: Readonly<Record<string, string>> = {
  'node:fs': 'node/fs.js',
  'node:fs/promises': 'node/fs-promises.js',
  'node:net': 'node/net.js',
  'node:child_process': 'node/child-process.js',
  'node:timers/promises': 'node/timers-promises.js',
  nanoid: 'node/nanoid.js',
}

/** Its own modules, by the file within the build. Those in `faulty/` are the real ones with faults that can be put in. */
const OWN: Readonly<Record<string, string>> = {
  'src/clock.js': 'product/clock.js',
  'src/process/proc.js': 'product/proc.js',
  'src/process/held.js': 'product/held.js',
  'src/process/log-keeper.js': 'product/log-keeper.js',
  'src/process/helper-process.js': 'product/helper-process.js',
  'machines/effects.js': 'faulty/effects.js',
  'machines/children.js': 'faulty/children.js',
  'machines/strategies.js': 'faulty/strategies.js',
  'machines/following.js': 'faulty/following.js',
  'machines/regrouping.js': 'faulty/regrouping.js',
  'machines/budget.js': 'faulty/budget.js',
  'src/spending.js': 'faulty/spending.js',
  'src/seat.js': 'faulty/seat.js',
  'src/scheduler.js': 'faulty/scheduler.js',
  'machines/lanes.js': 'faulty/turns.js',
  'src/lanes.js': 'faulty/lanes.js',
  'src/ending.js': 'faulty/ending.js',
  'src/roster.js': 'faulty/roster.js',
  'src/succession.js': 'faulty/succession.js',
  'src/deferred.js': 'faulty/deferred.js',
  'src/listeners.js': 'faulty/listeners.js',
  'src/health/agenda.js': 'faulty/agenda.js',
  'src/health/deadlines.js': 'faulty/deadlines.js',
  'src/health/watched.js': 'faulty/watched.js',
  'src/process/reaper.js': 'faulty/reaper.js',
  'src/process/marker-pass.js': 'faulty/marker-pass.js',
  'src/registry/journal.js': 'faulty/journal.js',
  'src/registry/record.js': 'faulty/record.js',
}

const SIMULATED = 'simulated:'

interface Resolved {
  readonly url: string
  readonly shortCircuit?: boolean
}

/** Node's `resolve` hook. */
export async function resolve(
  specifier: string,
  context: { readonly parentURL?: string },
  next: (specifier: string, context: object) => Promise<Resolved>,
): Promise<Resolved> {
  const parent = context.parentURL ?? ''
  if (!parent.startsWith(product) || parent.startsWith(here)) return next(specifier, context)
  if (specifier in OUTER) return { url: SIMULATED + specifier, shortCircuit: true }
  const resolved = await next(specifier, context)
  const file = OWN[resolved.url.slice(product.length)]
  return file ? { url: new URL(file, here).href, shortCircuit: true } : resolved
}

/** Node's `load` hook: a simulated module has every name of the real one; what is not simulated throws when called. */
export async function load(
  url: string,
  context: object,
  next: (url: string, context: object) => Promise<object>,
): Promise<object> {
  if (!url.startsWith(SIMULATED)) return next(url, context)
  const specifier = url.slice(SIMULATED.length)
  const names = Object.keys(await import(specifier)).filter((name) => name !== 'default')
  const source = [
    `import { simulated } from ${JSON.stringify(new URL(OUTER[specifier] ?? '', here).href)}`,
    `const missing = (name) => () => { throw new Error(\`${specifier} has no simulated \${name}\`) }`,
    `const all = Object.fromEntries(${JSON.stringify(names)}.map((name) => [name, simulated[name] ?? missing(name)]))`,
    ...names.map((name) => `const { ${name}: ${name}_ } = all; export { ${name}_ as ${name} }`),
    'export default all',
  ]
  return { format: 'module', source: source.join('\n'), shortCircuit: true }
}

export const install = (): void => register(import.meta.url)
