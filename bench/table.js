/** Results as a person reads them. */
/** @import { Figure, Row } from './types.ts' */

/** Three digits that count, and no more. @param {number} value */
export function short(value) {
  if (!Number.isFinite(value)) return '–'
  const size = Math.abs(value)
  if (size >= 10_000) return `${Math.round(value / 1000)}k`
  return value.toFixed(size >= 100 ? 0 : size >= 10 ? 1 : size >= 1 ? 2 : 3)
}

/** @param {Row} row */
export const ratioOf = ({ ratio, measured, raw }) => ratio ?? (raw && measured.value / raw.value)

/** Whether it is as it should be; `undefined` where nothing is asked. @param {Row} row */
export function isMet(row) {
  if (row.target === undefined) return undefined
  const value = row.target.of === 'value' ? row.measured.value : ratioOf(row)
  const { atMost = Number.POSITIVE_INFINITY, atLeast = Number.NEGATIVE_INFINITY } = row.target
  return value !== undefined && value <= atMost && value >= atLeast
}

const HEAD = ['', 'unit', 'measured', 'low … high', 'raw', 'low … high', 'ratio', 'target', '']

/** @param {readonly { name: string, about: string, rows: readonly Row[] }[]} results */
export function table(results) {
  const lines = results.flatMap(({ name, about, rows }) => [[`${name}: ${about}`], ...rows.map(cellsOf)])
  const cells = [HEAD, ...lines]
  const widths = HEAD.map((_, i) =>
    Math.max(...cells.filter((line) => line.length > 1).map((line) => [...(line[i] ?? '')].length)),
  )
  return cells
    .map((line) => {
      if (line.length === 1) return `\n${line[0]}`
      const padded = line.map((cell, i) =>
        i < 2 || i > 6 ? cell.padEnd(widths[i] ?? 0) : cell.padStart(widths[i] ?? 0),
      )
      return padded.join('  ').trimEnd()
    })
    .join('\n')
}

/** @param {Row} row */
function cellsOf(row) {
  const { what, unit, measured, raw, rawIs, target } = row
  const ratio = ratioOf(row)
  const met = isMet(row)
  return [
    `  ${what}`,
    unit,
    short(measured.value),
    spreadOf(measured),
    raw === undefined ? '' : short(raw.value),
    raw === undefined ? '' : spreadOf(raw),
    ratio === undefined || !Number.isFinite(ratio) ? '' : `${short(ratio)}×`,
    target === undefined ? '' : wish(target),
    [met === undefined ? '' : met ? 'met' : 'MISSED', rawIs && `(raw: ${rawIs})`].filter(Boolean).join(' '),
  ]
}

/** @param {Figure} figure */
const spreadOf = ({ low, high }) => `${short(low)} … ${short(high)}`

/** @param {import('./types.ts').Target} target */
const wish = ({ of, atMost, atLeast }) =>
  `${atMost === undefined ? `≥ ${short(atLeast ?? 0)}` : `≤ ${short(atMost)}`}${of === 'ratio' ? '×' : ''}`
