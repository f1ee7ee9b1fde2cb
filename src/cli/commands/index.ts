/** The commands, in the order in which `--help` lists them. What is heavy in one is loaded when that runs. */
import type { Command } from 'commander'
import type { Desk } from '../desk.ts'
import { beat } from './beat.ts'
import { complete, completion } from './completion.ts'
import { doctorCommand, down, status, up } from './daemon.ts'
import { demo } from './demo.ts'
import { diagram } from './diagram.ts'
import { cancel, kill, killStalled, restart, rm, stop } from './ending.ts'
import { events } from './events.ts'
import { group } from './group.ts'
import { health } from './health.ts'
import { history } from './history.ts'
import { inspect } from './inspect.ts'
import { logs } from './logs.ts'
import { ls } from './ls.ts'
import { mcp } from './mcp.ts'
import { repl } from './repl.ts'
import { run } from './run.ts'
import { send } from './send.ts'
import { show } from './show.ts'
import { spawn } from './spawn.ts'

export type AddCommand = (program: Command, desk: Desk) => Command

export const COMMANDS: readonly AddCommand[] = [
  ...[spawn, run, ls, show, logs, history, events, health, send, beat],
  ...[cancel, stop, kill, restart, rm, killStalled, group],
  ...[up, down, status, doctorCommand],
  ...[repl, inspect, mcp, diagram, demo, completion, complete],
]
