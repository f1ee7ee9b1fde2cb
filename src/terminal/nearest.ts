/** What was probably meant: the nearest of the known words, for "Did you mean …?". */

/** Steps from one word to the other: a letter too many, too few, another, or two that changed places. */
function distance(a: string, b: string): number {
  const rows = [Array.from({ length: b.length + 1 }, (_, j) => j)]
  for (let i = 1; i <= a.length; i++) {
    const row = [i]
    for (let j = 1; j <= b.length; j++) {
      const same = a[i - 1] === b[j - 1] ? 0 : 1
      let steps = Math.min(
        (rows[i - 1]?.[j] ?? 0) + 1,
        (row[j - 1] ?? 0) + 1,
        (rows[i - 1]?.[j - 1] ?? 0) + same,
      )
      if (i > 1 && j > 1 && a[i - 1] === b[j - 2] && a[i - 2] === b[j - 1])
        steps = Math.min(steps, (rows[i - 2]?.[j - 2] ?? 0) + 1)
      row.push(steps)
    }
    rows.push(row)
  }
  return rows[a.length]?.[b.length] ?? 0
}

/** `undefined` when nothing is near: what begins so, or differs in a third of its letters. Compares 64 characters. */
export function nearest(word: string, known: Iterable<string>): string | undefined {
  const short = word.slice(0, 64)
  const all = [...known]
  const begun = short === '' ? [] : all.filter((each) => each.startsWith(short))
  if (begun.length === 1) return begun[0]
  const found = all
    .map((each) => ({ each, steps: distance(short.toLowerCase(), each.slice(0, 64).toLowerCase()) }))
    .filter(({ steps }) => steps <= Math.max(1, Math.floor(short.length / 3)))
    .sort((a, b) => a.steps - b.steps)
  return found[0]?.each
}
