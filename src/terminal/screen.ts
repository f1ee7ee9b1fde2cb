/** Where text goes: how wide it is, and whether colour and symbols are welcome there. */
import { styleText } from 'node:util'
import { type AgentState, isEnd } from '../../machines/events.ts'

export interface Screen {
  /** In columns; `undefined` where nobody looks at it: through a pipe, into a file. */
  readonly width: number | undefined
  /** Adds; never says anything by itself. */
  readonly colour: boolean
}

interface Environment {
  readonly NO_COLOR?: string | undefined
  readonly TERM?: string | undefined
}

/** @see https://no-color.org */
export function screenOf(stream: NodeJS.WritableStream, env: Environment = process.env): Screen {
  const { isTTY, columns } = stream as Partial<NodeJS.WriteStream>
  if (!isTTY) return { width: undefined, colour: false }
  return { width: columns || 80, colour: !env.NO_COLOR && env.TERM !== 'dumb' }
}

type Format = Parameters<typeof styleText>[0]

/** Later versions of Node would ask stdout whether it takes colour; here the screen has been asked already. */
const style = styleText as (format: Format, text: string, options: { validateStream: boolean }) => string

export const paint = (screen: Screen, format: Format, text: string): string =>
  screen.colour ? style(format, text, { validateStream: false }) : text

const COLOURS: Readonly<Record<AgentState, Format>> = {
  spawning: 'blue',
  pre_starting: 'blue',
  running: 'green',
  stalling: 'yellow',
  terminating: 'magenta',
  reaping: 'magenta',
  restarting: 'yellow',
  killed: 'magenta',
  crashed: 'red',
  completed: 'gray',
}

export const colourOf = (state: AgentState): Format => COLOURS[state]

/** One column each: full when all is well, half in doubt, empty when it is over. */
export function symbolOf(state: AgentState): string {
  if (state === 'running') return '●'
  if (state === 'restarting') return '↻'
  if (state === 'crashed') return '✗'
  return isEnd(state) ? '○' : '◐'
}
