/**
 * Puts simulated modules in the place of the few that touch the system. The product is not changed for it: what it
 * imports is resolved to another file, for its own imports alone; the simulation itself gets the real ones.
 */
import { register } from 'node:module'

const here = new URL('.', import.meta.url).href
const product = new URL('../../', import.meta.url).href

/** By the file that is imported, within the build. */
const FILES: Readonly<Record<string, string>> = {
  'src/process/proc.js': 'proc.js',
  'src/process/launch.js': 'launch.js',
  'src/process/log-keeper.js': 'log-keeper.js',
  'src/process/helper-process.js': 'helper-process.js',
  'src/process/socket-path.js': 'socket-path.js',
  'machines/effects.js': 'faulty/effects.js',
  'machines/children.js': 'faulty/children.js',
  'src/ending.js': 'faulty/ending.js',
  'src/roster.js': 'faulty/roster.js',
  'src/deferred.js': 'faulty/deferred.js',
  'src/listeners.js': 'faulty/listeners.js',
  'src/health/agenda.js': 'faulty/agenda.js',
  'src/health/watched.js': 'faulty/watched.js',
  'src/process/reaper.js': 'faulty/reaper.js',
  'src/process/marker-pass.js': 'faulty/marker-pass.js',
  'src/registry/journal.js': 'faulty/journal.js',
  'src/registry/record.js': 'faulty/record.js',
}

/** What one file alone gets, by importer and specifier. */
const ALONE: Readonly<Record<string, string>> = {
  'src/process/connection.js node:net': 'net.js',
  'src/process/connection.js node:fs/promises': 'fs-promises.js',
  'src/queries.js node:fs/promises': 'fs-promises.js',
  'src/process/hosted-supervisor.js ../clock.js': 'launcher-clock.js',
}

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
  const alone = ALONE[`${parent.slice(product.length)} ${specifier}`]
  if (alone) return { url: new URL(`substitutes/${alone}`, here).href, shortCircuit: true }
  const resolved = await next(specifier, context)
  const file = FILES[resolved.url.slice(product.length)]
  return file ? { url: new URL(`substitutes/${file}`, here).href, shortCircuit: true } : resolved
}

export const install = (): void => register(import.meta.url)
