/** Agents as a table: fitted to a terminal; through a pipe tab-separated, with neither symbols nor colour. */
import Table from 'cli-table3'
import columnsOf from 'string-width'
import { isEnd } from '../../machines/events.ts'
import type { AgentRecord } from '../registry/record.ts'
import { BORDERLESS, drawn, GAP } from './borderless.ts'
import { plain } from './plain.ts'
import { colourOf, paint, type Screen, symbolOf } from './screen.ts'
import { whyOf } from './why.ts'

/** What was measured of an agent's tree, where somebody measured it. */
export interface Measured {
  /** Of one core. */
  readonly cpuPercent: number | null
  readonly memoryMb: number | null
}

export interface ListingOptions {
  readonly screen: Screen
  /** Wall clock, in milliseconds. */
  readonly now: number
  /** By id. Absent: the listing has no such columns. */
  readonly measured?: ReadonlyMap<string, Measured>
}

const NONE = '–'
/** A column that stretches is of use down to here. */
const NARROWEST = 12

interface Column {
  readonly head: string
  readonly cell: (record: AgentRecord, options: ListingOptions) => string
  /** Left out first where the terminal is narrow; 0 never. */
  readonly dispensable: number
  readonly stretches?: true
}

/** In a column one unit is enough, from two days on days. */
function about(ms: number): string {
  const seconds = Math.round(Math.max(0, ms) / 1_000)
  if (seconds < 60) return `${seconds}s`
  if (seconds < 3_600) return `${Math.floor(seconds / 60)}m`
  return seconds < 172_800 ? `${Math.floor(seconds / 3_600)}h` : `${Math.floor(seconds / 86_400)}d`
}

const since = (at: string | null, now: number): string => (at === null ? NONE : about(now - Date.parse(at)))

/** How long it has lived, has been over, or until its next life. */
function forText(record: AgentRecord, { now }: ListingOptions): string {
  const { state, endedAt, startedAt, createdAt, evidence } = record
  if (state === 'restarting' && endedAt !== null && evidence?.delayMs !== undefined)
    return `in ${about(Date.parse(endedAt) + evidence.delayMs - now)}`
  if (isEnd(state)) return `${since(endedAt, now)} ago`
  return since(startedAt ?? createdAt, now)
}

function stateText({ state, activity }: AgentRecord, { screen }: ListingOptions): string {
  const said = state === 'running' && activity && activity.kind !== 'working' ? activity.kind : state
  return screen.width === undefined ? said : paint(screen, colourOf(state), `${symbolOf(state)} ${said}`)
}

const COLUMNS: readonly Column[] = [
  { head: 'NAME', cell: ({ name }) => plain(name), dispensable: 0 },
  { head: 'STATE', cell: stateText, dispensable: 0 },
  { head: 'FOR', cell: forText, dispensable: 2 },
  { head: 'PID', cell: ({ pid }) => (pid === null ? NONE : String(pid)), dispensable: 0 },
  {
    head: 'BEAT',
    cell: ({ alive, lastHeartbeatAt }, { now }) => (alive ? since(lastHeartbeatAt, now) : NONE),
    dispensable: 3,
  },
  {
    head: 'CPU',
    cell: ({ id }, { measured }) => figure(measured?.get(id)?.cpuPercent, '%'),
    dispensable: 6,
  },
  {
    head: 'MEM',
    cell: ({ id }, { measured }) => figure(measured?.get(id)?.memoryMb, 'MB'),
    dispensable: 5,
  },
  { head: 'RESTARTS', cell: ({ restarts }) => String(restarts), dispensable: 7 },
  { head: 'GROUP', cell: ({ group }) => plain(group ?? ''), dispensable: 8 },
  { head: 'TASK', cell: ({ task }) => plain(task ?? ''), dispensable: 4 },
  { head: 'WHY', cell: (record, { now }) => plain(whyOf(record, now)), dispensable: 0, stretches: true },
]

const figure = (value: number | null | undefined, unit: string): string =>
  value === null || value === undefined ? NONE : `${Math.round(value)} ${unit}`

/** Ends without a line break. The header stands there also when there are no agents. */
export function listing(records: readonly AgentRecord[], options: ListingOptions): string {
  const columns = COLUMNS.filter(({ head }) => options.measured || (head !== 'CPU' && head !== 'MEM'))
  const rows = records.map((record) =>
    columns.map((column) => ({ column, text: column.cell(record, options) })),
  )
  const { width } = options.screen
  if (width === undefined)
    return [columns.map(({ head }) => head), ...rows.map((row) => row.map(({ text }) => text))]
      .map((cells) => cells.join('\t'))
      .join('\n')
  return fitted(columns, rows, width, options)
}

interface Cell {
  readonly column: Column
  readonly text: string
}

function fitted(
  columns: readonly Column[],
  rows: readonly (readonly Cell[])[],
  width: number,
  { screen }: ListingOptions,
): string {
  const natural = new Map(
    columns.map((column, at) => [
      column,
      Math.max(column.head.length, ...rows.map((row) => columnsOf(row[at]?.text ?? ''))),
    ]),
  )
  const widthOf = (column: Column): number =>
    column.stretches
      ? Math.min(natural.get(column) ?? 0, NARROWEST)
      : Math.min(natural.get(column) ?? 0, Math.max(NARROWEST, Math.floor(width / 3)))
  const taken = (of: readonly Column[]): number => of.reduce((sum, column) => sum + widthOf(column) + GAP, 0)
  let kept = columns.filter(({ head }) => !LABELS.includes(head) || rows.some((row) => row.some(says(head))))
  while (taken(kept) > width) {
    const next = kept.reduce((a, b) => (b.dispensable > a.dispensable ? b : a))
    if (next.dispensable === 0) break
    kept = kept.filter((column) => column !== next)
  }
  const rest = width - taken(kept)
  const table = new Table({
    ...BORDERLESS,
    head: kept.map(({ head }) => paint(screen, 'dim', head)),
    colWidths: kept.map((column) => {
      const wanted = natural.get(column) ?? 0
      return Math.max(1, column.stretches ? Math.min(wanted, widthOf(column) + rest) : widthOf(column)) + GAP
    }),
  })
  for (const row of rows)
    table.push(row.filter(({ column }) => kept.includes(column)).map(({ text }) => text))
  return drawn(table)
}

/** Columns that stand there when someone has such a label. */
const LABELS: readonly string[] = ['GROUP', 'TASK']

const says =
  (head: string) =>
  ({ column, text }: Cell): boolean =>
    column.head === head && text !== ''
