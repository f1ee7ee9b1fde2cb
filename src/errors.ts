import { inspect } from 'node:util'

/**
 * The one table of errors. A message names the field, the value and the way out; the code is what programs read.
 * README's table is made from this one, and a test holds the two equal.
 */
export const ERRORS = {
  invalid_spec:
    'A field of a spec or an option is unknown, of the wrong form, or not built yet. `field` names it.',
  name_taken: 'An agent that has not ended holds this name. `agentId` is its id.',
  lane_busy:
    'Another agent holds the lane, or too many wait there. The message names the holder, `agentId` is its id.',
  agent_not_found: 'No agent has this id or name.',
  process_not_found: 'The agent has ended already: there is no process to stop or kill.',
  agent_running: 'Only an agent that has ended can be removed.',
  spawn_failed:
    'The process could not be started; `errno` says why (ENOENT, EACCES, ENOTDIR, E2BIG, EAGAIN …).',
  ready_timeout: 'It was not ready within `ready.timeout`; its tree was ended.',
  ended_before_ready: 'It was stopped, or ended by itself, before it was ready. `record` is attached.',
  kill_failed:
    'Still there `killWait` after SIGKILL (uninterruptible sleep, most often). Reeve goes on trying.',
  cleanup_failed: 'A clean-up hook threw, failed or ran out of time. The others ran, the agent ended.',
  cleanup_lost:
    'Clean-up functions went with the supervisor that died: a successor cannot run them. Noted as a failed clean-up.',
  not_accepting_input:
    'The agent has no open stdin (`stdin: "open"`), has ended, or does not read what it was sent.',
  restart_intensity_exceeded: 'It crashed more often than `restart.intensity` allows; it stays `crashed`.',
  budget_exhausted: 'What it may use is used up: its budget is for all its lives, and it begins no other.',
  group_not_found: 'No group is open at this path, and none was. `group(path)` opens it.',
  resource_exhausted:
    'The machine has less memory or CPU left than `admission` asks for. The message names which, how much, and the limit.',
  group_over:
    'The group has given up, shut itself down or been stopped, or is about to: it takes no agents. `group(path)` opens it anew.',
  group_gave_up:
    'Its members failed more often than its `intensity` allows, or one that the others depend on cannot come back: all were ended.',
  registry_unavailable: 'The registry did not take, or give, entries. They are kept and offered again.',
  registry_corrupt:
    'A file of the registry is damaged, or not its own. It is named, and its bytes stay as they are.',
  entries_gone: 'Entries that old are no longer held in memory: read `history(id)`, or begin later.',
  report_rejected: 'A report file is not a regular file of ours with one link. What it says is not read.',
  supervisor_stopping: 'The supervisor is stopping, or has stopped: it starts nothing any more.',
  home_unusable: 'The home belongs to someone else, is open to others, or cannot be written.',
  home_locked: 'Another supervisor runs on this home; the message names its pid. A crash frees the home.',
  daemon_not_running: 'No daemon runs in this home, or it went away before it answered.',
  daemon_failed: 'The daemon could not be started, or cannot listen; the message says why.',
  version_mismatch: 'Client and daemon are of different versions: restart the older one.',
  unauthorized: 'The token is missing, or nobody’s. On TCP that of the home is required.',
  forbidden: 'The request came by a Host or from an Origin that is not ours.',
  too_large: 'The body of a request is larger than is taken.',
  route_not_found: 'Nothing is served at this path, or not by this method.',
  timed_out:
    'What was asked goes on, and was not done within the time that the caller had. `record` is attached.',
  too_busy: 'As many streams are open as one daemon serves. Close some.',
  inspector_failed: 'The inspector cannot listen on 127.0.0.1; the message says why.',
  launcher_failed: 'The launcher could not be started, or does not answer.',
  platform_unsupported:
    'Reeve runs on Linux and on macOS, where not everything can be had; the message says what is missing here.',
  internal: 'A fault in Reeve itself, or in a function that was given to it. `cause` has it.',
} as const

export type ErrorCode = keyof typeof ERRORS

export interface ReeveErrorOptions {
  /** The field that is wrong, as a path: `heartbeat.timeout`. */
  readonly field?: string
  readonly agentId?: string
  readonly errno?: string
  /** An agent's record at the moment of failing. */
  readonly record?: unknown
  readonly cause?: unknown
}

/** Every failure that Reeve reports. Outcomes a caller expects (how a process exited) are data, not errors. */
export class ReeveError extends Error {
  override readonly name = 'ReeveError'
  readonly code: ErrorCode
  readonly field?: string
  readonly agentId?: string
  readonly errno?: string
  readonly record?: unknown

  constructor(code: ErrorCode, message: string, options: ReeveErrorOptions = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause })
    this.code = code
    if (options.field !== undefined) this.field = options.field
    if (options.agentId !== undefined) this.agentId = options.agentId
    if (options.errno !== undefined) this.errno = options.errno
    if (options.record !== undefined) this.record = options.record
  }
}

/** The operating system's name of a failure (`ENOENT`), when it has one. */
export function errnoOf(error: unknown): string | undefined {
  const code = (error as { code?: unknown } | null)?.code
  return typeof code === 'string' ? code : undefined
}

/** The text of whatever was thrown. */
export const messageOf = (error: unknown): string => (error instanceof Error ? error.message : String(error))

/** A value as an error shows it: on one line, and not too long. */
export const shown = (value: unknown): string => {
  const text =
    typeof value === 'string'
      ? JSON.stringify(value)
      : inspect(value, { depth: 2, breakLength: Number.POSITIVE_INFINITY })
  return text.length > 80 ? `${text.slice(0, 79)}…` : text
}
