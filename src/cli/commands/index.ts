/** The commands, in the order in which `--help` lists them. */
import type { Command } from 'commander'
import type { Desk } from '../desk.ts'
import { beat } from './beat.ts'
import { complete, completion } from './completion.ts'
import { doctorCommand, down, status, up } from './daemon.ts'
import { demo } from './demo.ts'
import { diagram } from './diagram.ts'
import { cancel, kill, killStalled, restart, rm, stop } from './ending.ts'
import { events } from './events.ts'
import { health } from './health.ts'
import { history } from './history.ts'
import { logs } from './logs.ts'
import { ls } from './ls.ts'
import { mcp } from './mcp.ts'
import { repl } from './repl.ts'
import { run } from './run.ts'
import { send } from './send.ts'
import { show } from './show.ts'
import { spawn } from './spawn.ts'

export const COMMANDS: readonly ((program: Command, desk: Desk) => Command)[] = [
  spawn,
  run,
  ls,
  show,
  logs,
  history,
  events,
  health,
  send,
  beat,
  cancel,
  stop,
  kill,
  restart,
  rm,
  killStalled,
  up,
  down,
  status,
  doctorCommand,
  repl,
  mcp,
  diagram,
  demo,
  completion,
  complete,
]
