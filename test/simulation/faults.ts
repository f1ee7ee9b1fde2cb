import type { ClimateName } from './climates.ts'

/** The faults that can be put in on purpose, by the promise that each breaks, and what each is. */
export const FAULTS = {
  // P1 truth
  'zombies-live': 'a zombie is taken for a live process',
  'lost-exit': 'the launcher forgets to say that a leader ended',
  'lost-spawned': 'the launcher forgets to say that a process was forked',
  'dead-listed-alive': 'a record says alive while the agent is reaped',
  'exit-forgotten': 'a successor does not ask how an agent ended meanwhile',
  // P2 no orphans
  'no-last-rung': 'SIGKILL is never sent',
  'orphan-left': 'nothing is swept',
  'no-marker-pass': 'what left the tree is not looked for',
  'agents-outlive': 'a launcher whose supervisor died ends nothing',
  'hushed-escape': 'what could not be ended is not named',
  // P3 no strangers
  'no-identity-check': 'a pid that was used again is taken for the process that had it before',
  'adopt-by-pid': 'a successor takes whoever has the pid for the agent',
  // P4 one life at a time
  'two-lives': 'one order is forked twice',
  'forgotten-name': 'a name that is held is given away again',
  'leaked-name': 'a name stays taken when its agent has ended',
  'started-twice': 'a successor does not ask what its launcher has kept',
  // P5 nothing lost
  'usage-twice': 'a successor reads all reports again',
  'lost-entry': 'an entry never reaches the journal',
  'reordered-entries': 'two entries reach the journal in the wrong order',
  'registry-lies': 'an append is confirmed and not done',
  'spill-not-replayed': 'what a dead supervisor wrote ahead is left where it is',
  'told-before-written': 'an entry is told before it is written ahead',
  'unread-backlog': 'a history leaves out what is not committed yet',
  // P6 bounded
  'hung-stop': 'stop() is never answered',
  'no-limits': 'whatever has a limit is waited for without it',
  'endless-append': 'an append that hangs is waited for, for ever',
  // P7 never in the way
  'starts-in-line': 'a start waits for the start before it',
  // P8 no false kills
  'no-late-sweep': 'a deadline that comes late gives nothing back',
  'no-patience': 'idle and waiting hold no deadline',
  'judged-unheard': 'a limit that ran out while the loop was held up is judged at once',
  'unheard-beats': 'a heartbeat is no sign of life',
  'silence-inherited': 'a successor holds the silence before it came against an agent',
  'unseen-output': 'output that counts is not looked at',
  'no-extension': 'one that asks for time gets none',
  'extension-forgotten': 'a successor forgets the time that was asked for',
  // What was meant
  'restart-after-stop': "a user's stop is taken for a crash",
  'double-signal': 'a rung sends its signal twice',
  'ready-lies': 'a promise that should be rejected is resolved',
  'uncontained-listeners': 'what a listener throws goes on its way',
  // What policies mean
  'cancelled-returns': 'a cancelled agent comes back',
  'shared-lane': 'a lane is held by two',
  'turn-forgotten': 'one that waits in a lane is forgotten',
  'last-come-first': 'whoever came last into a line has the next turn',
  'endless-line': 'the line of a lane has no bound',
  'budget-ignored': 'a budget that ran out ends nobody',
  'spent-returns': 'one whose budget ran out comes back',
  'budget-per-life': 'each life has the whole budget',
  'budget-forgotten': 'a successor forgets what was used',
  'warned-again': 'each report near the end of a budget warns of it',
  'siblings-stay': 'a one_for_all group leaves the siblings of one that failed',
  'rest-takes-all': 'a rest_for_one group takes those before, too',
  'intensity-each': 'each member of a group has its whole intensity',
  'never-gives-up': 'a group whose intensity is exceeded goes on',
  'significance-unheeded': 'a group goes on without its significant members',
} as const

export type Fault = keyof typeof FAULTS

/** Where it is looked for; in the mix of all, unless it would take long there. */
const SOUGHT_IN: Readonly<Partial<Record<Fault, ClimateName>>> = {
  'exit-forgotten': 'succession',
  'agents-outlive': 'succession',
  'started-twice': 'succession',
  'usage-twice': 'succession',
  'spill-not-replayed': 'succession',
  'silence-inherited': 'succession',
  'endless-append': 'outage',
  'adopt-by-pid': 'new-faces',
  'no-identity-check': 'new-faces',
  'no-last-rung': 'tenacity',
  'hushed-escape': 'tenacity',
  'extension-forgotten': 'succession',
  'judged-unheard': 'silence',
  'no-late-sweep': 'silence',
  'no-patience': 'silence',
  'unseen-output': 'silence',
  'no-extension': 'silence',
  'turn-forgotten': 'traffic',
  'last-come-first': 'traffic',
  'endless-line': 'traffic',
  'budget-ignored': 'thrift',
  'spent-returns': 'thrift',
  'budget-per-life': 'thrift',
  'budget-forgotten': 'thrift',
  'warned-again': 'thrift',
  'siblings-stay': 'crews',
  'rest-takes-all': 'crews',
  'intensity-each': 'crews',
  'never-gives-up': 'crews',
  'significance-unheeded': 'importance',
}

/** The first seed that finds it, where several before it find nothing. The search begins there; it moves as the code does. */
const FOUND_FROM: Readonly<Partial<Record<Fault, number>>> = {
  'extension-forgotten': 62,
  'hushed-escape': 6,
  'unread-backlog': 5,
  'judged-unheard': 4,
  'starts-in-line': 4,
  'no-patience': 4,
  'unseen-output': 4,
  'last-come-first': 4,
  'endless-line': 4,
  'budget-per-life': 4,
  'intensity-each': 4,
  'no-identity-check': 3,
  'adopt-by-pid': 3,
  'spill-not-replayed': 3,
  'hung-stop': 3,
  'cancelled-returns': 3,
  'rest-takes-all': 3,
}

export const seedOf = (fault: Fault): number => FOUND_FROM[fault] ?? 1
export const climateOf = (fault: Fault | undefined): ClimateName => (fault && SOUGHT_IN[fault]) ?? 'mixed'
export const isFault = (name: string): name is Fault => name in FAULTS
