/** The environment of this process, handed on: common enough, and within an agent it holds words of Reeve's own. */
import { isPlainObject } from './realms.ts'

/**
 * Without the `REEVE_*` that this process has itself, with the same value: they name the agent that hands them on, not the
 * one that is spawned. One with another value was set, and stays, to be refused.
 */
export function withoutInheritedWords<T>(env: T): T | Record<string, unknown> {
  if (!isHandedOn(env)) return env
  const inherited = ([name, value]: [string, unknown]) =>
    name.startsWith('REEVE_') && value === process.env[name]
  return Object.fromEntries(Object.entries(env).filter((entry) => !inherited(entry)))
}

/** `process.env` itself is no plain object; what else is none is no environment. */
const isHandedOn = (env: unknown): env is Record<string, unknown> => env === process.env || isPlainObject(env)
