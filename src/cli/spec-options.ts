/** Every field of a specification as an option of the command line, in one table, and the way from there to the specification. */
import { Option } from 'commander'
import { ReeveError } from '../errors.ts'
import { words } from '../repl/words.ts'
import type { AgentSpec } from '../spec.ts'

export interface SpecOption {
  /** As commander writes it: `--ttl <duration>`. */
  readonly flags: string
  readonly help: string
  /** Where it stands in a specification. */
  readonly path: string
  readonly read: Reader
  /** May be given more than once. */
  readonly many?: true
}

type Reader = (text: string, flag: string, before: unknown) => unknown

const wrong = (flag: string, text: string, what: string): ReeveError =>
  new ReeveError('invalid_spec', `${flag}: ${JSON.stringify(text)} ${what}`, { field: flag })

const text: Reader = (given) => given
const yes: Reader = () => true
const number: Reader = (given, flag) => {
  const value = Number(given)
  if (given.trim() === '' || !Number.isFinite(value)) throw wrong(flag, given, 'is not a number')
  return value
}
const list: Reader = (given) => given.split(',').map((each) => each.trim())
const numbers: Reader = (given, flag, before) =>
  (list(given, flag, before) as string[]).map((each) => number(each, flag, before))

/** `KEY=VALUE`, more than once. */
const pairs: Reader = (given, flag, before) => {
  const at = given.indexOf('=')
  if (at < 1) throw wrong(flag, given, 'is not KEY=VALUE')
  return { ...(before as object | undefined), [given.slice(0, at)]: given.slice(at + 1) }
}

/** `SIGINT:5s`, `cancel:30s`, `eof:5s`, `input=TEXT:5s`; more than once, or apart by commas. */
const rungs: Reader = (given, flag, before) => {
  const read = given.split(/,(?=(?:SIG|cancel|eof|input))/).map((rung) => {
    const [, act = '', input, wait] = /^(SIG\w+|cancel|eof|input)(?:=(.*))?:([^:]+)$/s.exec(rung) ?? []
    if (act === '' || (act === 'input') !== (input !== undefined))
      throw wrong(flag, rung, 'is not a rung. Write SIGINT:5s, cancel:30s, eof:5s or input=TEXT:5s.')
    if (act === 'cancel' || act === 'eof') return { [act]: true, wait }
    return act === 'input' ? { input: unescaped(input ?? ''), wait } : { signal: act, wait }
  })
  return [...((before as unknown[] | undefined) ?? []), ...read]
}

const unescaped = (given: string): string => given.replaceAll('\\n', '\n').replaceAll('\\t', '\t')

/** `5/1m`, or `off`. */
export function readIntensity(
  given: string,
  flag: string,
): false | { readonly restarts: number; readonly within: string } {
  if (given === 'off') return false
  const [, restarts, within] = /^(\d+)\/(.+)$/.exec(given) ?? []
  if (restarts === undefined) throw wrong(flag, given, 'is not RESTARTS/WITHIN, like 5/1m, or off')
  return { restarts: Number(restarts), within: within ?? '' }
}

/** A command without a shell: words apart by spaces, quotes hold some together. */
const argv: Reader = (given) => words(given)
const hooks: Reader = (given, _flag, before) => [
  ...((before as unknown[] | undefined) ?? []),
  { command: words(given) },
]

const port: Reader = (given, flag, before) => {
  const [, host, digits] = /^(?:(.+):)?(\d+)$/.exec(given) ?? []
  if (digits === undefined) throw wrong(flag, given, 'is not PORT or HOST:PORT')
  const value = number(digits, flag, before)
  return host === undefined ? value : { port: value, host }
}

export const SPEC_OPTIONS: readonly SpecOption[] = [
  { flags: '--id <id>', path: 'id', read: text, help: 'the same id again returns the same agent' },
  { flags: '--cwd <folder>', path: 'cwd', read: text, help: 'where it runs; default: here' },
  {
    flags: '-e, --env <KEY=VALUE>',
    path: 'env',
    read: pairs,
    many: true,
    help: 'a variable of its environment; may be repeated',
  },
  { flags: '--ready-report', path: 'ready.report', read: yes, help: 'ready when it reports so' },
  {
    flags: '--ready-line <text>',
    path: 'ready.line',
    read: text,
    help: 'ready when it writes a line with this text',
  },
  {
    flags: '--ready-port <[host:]port>',
    path: 'ready.port',
    read: port,
    help: 'ready when this port takes a connection',
  },
  {
    flags: '--ready-http <url>',
    path: 'ready.http',
    read: text,
    help: 'ready when this address answers 200-399',
  },
  {
    flags: '--ready-exec <command>',
    path: 'ready.exec',
    read: argv,
    help: 'ready when this command exits with 0; no shell, quotes hold words together',
  },
  {
    flags: '--ready-timeout <duration>',
    path: 'ready.timeout',
    read: text,
    help: 'not ready by then: it is ended',
  },
  {
    flags: '--liveness-port <[host:]port>',
    path: 'liveness.port',
    read: port,
    help: 'asked as long as it runs',
  },
  { flags: '--liveness-http <url>', path: 'liveness.http', read: text, help: 'asked as long as it runs' },
  { flags: '--liveness-exec <command>', path: 'liveness.exec', read: argv, help: 'asked as long as it runs' },
  {
    flags: '--liveness-failures <n>',
    path: 'liveness.failures',
    read: number,
    help: 'so many in a row, and it is ended',
  },
  {
    flags: '--spawn-timeout <duration>',
    path: 'spawnTimeout',
    read: text,
    help: 'no process by then: spawn_failed',
  },
  { flags: '--no-heartbeat', path: 'heartbeat', read: () => false, help: 'silence means nothing' },
  {
    flags: '--heartbeat-timeout <duration>',
    path: 'heartbeat.timeout',
    read: text,
    help: 'silent for longer is a stall',
  },
  {
    flags: '--heartbeat-grace <duration>',
    path: 'heartbeat.grace',
    read: text,
    help: 'with --on-stall terminate: how long it may still come back',
  },
  {
    flags: '--heartbeat-sources <list>',
    path: 'heartbeat.sources',
    read: list,
    help: 'what counts: report,output,cpu',
  },
  {
    flags: '--on-stall <report|terminate>',
    path: 'heartbeat.onStall',
    read: text,
    help: 'what becomes of one that stalls',
  },
  {
    flags: '--max-wait <duration>',
    path: 'heartbeat.maxWait',
    read: text,
    help: 'how long idle and waiting hold the deadline',
  },
  {
    flags: '--stop <rung>',
    path: 'stop',
    read: rungs,
    many: true,
    help: 'the stop ladder: SIGINT:5s,SIGTERM:10s; cancel:30s, eof:5s, input=TEXT:5s; SIGKILL always follows',
  },
  {
    flags: '--kill-wait <duration>',
    path: 'killWait',
    read: text,
    help: 'still there so long after SIGKILL: kill_failed',
  },
  {
    flags: '--restart <policy>',
    path: 'restart.policy',
    read: text,
    help: 'permanent, transient or temporary',
  },
  {
    flags: '--backoff-initial <duration>',
    path: 'restart.backoff.initial',
    read: text,
    help: 'before the first restart',
  },
  {
    flags: '--backoff-factor <number>',
    path: 'restart.backoff.factor',
    read: number,
    help: 'by which it grows',
  },
  {
    flags: '--backoff-max <duration>',
    path: 'restart.backoff.max',
    read: text,
    help: 'up to which it grows',
  },
  {
    flags: '--backoff-jitter <share>',
    path: 'restart.backoff.jitter',
    read: number,
    help: 'how much of it is by chance, 0 to 1',
  },
  {
    flags: '--backoff-reset-after <duration>',
    path: 'restart.backoff.resetAfter',
    read: text,
    help: 'a life so long begins it anew',
  },
  {
    flags: '--intensity <n/within|off>',
    path: 'restart.intensity',
    read: readIntensity,
    help: 'more restarts within that time, and it stays crashed: 5/1m',
  },
  { flags: '--exit-codes <list>', path: 'exitCodes', read: numbers, help: 'which exits are completed' },
  {
    flags: '--no-retry <list>',
    path: 'noRetry',
    read: numbers,
    help: 'exit codes after which no restart follows',
  },
  { flags: '--ttl <duration>', path: 'ttl', read: text, help: 'how long it may live, all lives together' },
  {
    flags: '--budget-turns <n>',
    path: 'budget.turns',
    read: number,
    help: 'turns it may report, all lives together',
  },
  { flags: '--budget-tokens <n>', path: 'budget.tokens', read: number, help: 'tokens it may report' },
  { flags: '--budget-usd <n>', path: 'budget.usd', read: number, help: 'dollars it may report' },
  {
    flags: '--memory-max <size>',
    path: 'memoryMax',
    read: text,
    help: 'of its whole tree, like 2gb; above it, it is ended',
  },
  { flags: '--task <text>', path: 'task', read: text, help: 'the task it works on' },
  { flags: '--lane <name>', path: 'lane', read: text, help: 'one agent at a time is in a lane' },
  {
    flags: '--on-conflict <reject|replace|queue>',
    path: 'onConflict',
    read: text,
    help: 'when another agent is in the lane; default: reject',
  },
  { flags: '--spawner <text>', path: 'spawner', read: text, help: 'who asked for it' },
  {
    flags: '--label <KEY=VALUE>',
    path: 'labels',
    read: pairs,
    many: true,
    help: 'a label of your own; may be repeated',
  },
  { flags: '--stdin <open|closed>', path: 'stdin', read: text, help: 'open: reeve send writes to it' },
  { flags: '--log-max-size <size>', path: 'output.maxSize', read: text, help: 'its log is rotated there' },
  { flags: '--log-keep <n>', path: 'output.keep', read: number, help: 'how many older logs are kept' },
  {
    flags: '--cleanup <command>',
    path: 'cleanup',
    read: hooks,
    many: true,
    help: 'run when it has ended; may be repeated',
  },
  { flags: '--tmp', path: 'tmp', read: yes, help: 'a folder of its own in $REEVE_TMP, removed at its end' },
  { flags: '--cleanup-timeout <duration>', path: 'cleanupTimeout', read: text, help: 'for each clean-up' },
  {
    flags: '--on-supervisor-death <end|adopt>',
    path: 'onSupervisorDeath',
    read: text,
    help: 'what becomes of it when the daemon is killed',
  },
  {
    flags: '--adopt-for <duration>',
    path: 'adoptFor',
    read: text,
    help: 'with adopt: how long it waits for a successor',
  },
  { flags: '--group <path>', path: 'group', read: text, help: 'the group it is to be a member of' },
  { flags: '--significant', path: 'significant', read: yes, help: 'its group may end with it' },
  {
    flags: '--detach-ok',
    path: 'detachOk',
    read: yes,
    help: 'what it puts in sessions of their own may live on',
  },
]

/** The name under which commander keeps it. */
const keyOf = (option: SpecOption): string => optionOf(option).attributeName()

/** Read later, all at once: what is wrong is told with the option's name, and options of one field are put together. */
export function optionOf({ flags, help, many }: SpecOption): Option {
  // Commander takes `--no-x <value>` for a negation; ours that takes a list is none.
  const option = new Option(flags, help)
  if (flags.startsWith('--no-') && flags.includes('<')) Object.assign(option, { negate: false })
  return many ? option.argParser((value, before: string[] | undefined) => [...(before ?? []), value]) : option
}

function put(spec: Record<string, unknown>, path: string, value: unknown): void {
  const [first = '', ...rest] = path.split('.')
  if (rest.length === 0) {
    spec[first] = value
    return
  }
  const before = spec[first]
  const inner: Record<string, unknown> =
    typeof before === 'object' && before !== null
      ? { ...before }
      : first === 'restart' && before
        ? { policy: before }
        : {}
  put(inner, rest.join('.'), value)
  spec[first] = inner
}

/** Lays what was given over a specification from a file, if there was one. What is wrong in it, the schema will say. */
export function specFrom(
  given: Readonly<Record<string, unknown>>,
  file: Partial<AgentSpec>,
): Partial<AgentSpec> {
  const spec: Record<string, unknown> = { ...file }
  for (const option of SPEC_OPTIONS) {
    const value = given[keyOf(option)]
    if (value === undefined || (option.path === 'heartbeat' && value !== false)) continue
    const flag = optionOf(option).long ?? option.flags
    const texts = (Array.isArray(value) ? value : [value]) as unknown[]
    let read: unknown
    for (const each of texts) read = option.read(String(each), flag, read)
    put(spec, option.path, read)
  }
  return spec as Partial<AgentSpec>
}
