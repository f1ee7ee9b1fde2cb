/** Keys as every wire has them: the JavaScript names in snake_case, mechanically. */

/** What stands inside these is the caller's or the agent's own, and stays as it is. */
const OPAQUE: readonly string[] = ['labels', 'env', 'said']

export const isOpaque = (key: string): boolean => OPAQUE.includes(key)

export const snakeKey = (key: string): string =>
  key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

export const camelKey = (key: string): string =>
  key.replaceAll(/_([a-z])/g, (_, letter: string) => letter.toUpperCase())

export const snakeCased = (value: unknown): unknown => renamed(value, snakeKey)

/** The way back. */
export const camelCased = (value: unknown): unknown => renamed(value, camelKey)

/** The path of a field, as errors name it: `heartbeat.onStall` → `heartbeat.on_stall`. */
export function snakePath(path: string): string {
  const steps = path.split('.')
  const own = steps.findIndex((step) => isOpaque(step))
  return steps.map((step, i) => (own !== -1 && i > own ? step : snakeKey(step))).join('.')
}

function renamed(value: unknown, rename: (key: string) => string): unknown {
  if (Array.isArray(value)) return value.map((each) => renamed(each, rename))
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      rename(key),
      isOpaque(key) ? inner : renamed(inner, rename),
    ]),
  )
}
