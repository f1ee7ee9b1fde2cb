/** Keys as every wire has them: the JavaScript names in snake_case, mechanically. */

/** What stands inside these is the caller's or the agent's own, and stays as it is. */
const OPAQUE: readonly string[] = ['labels', 'env', 'said']

const snake = (key: string): string => key.replaceAll(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

export function snakeCased(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(snakeCased)
  if (typeof value !== 'object' || value === null) return value
  return Object.fromEntries(
    Object.entries(value).map(([key, inner]) => [
      snake(key),
      OPAQUE.includes(key) ? inner : snakeCased(inner),
    ]),
  )
}
