/** The faults that can be put in on purpose, each in the place of one part, and what each is. */
export const FAULTS = {
  'no-identity-check': 'a pid that was used again is taken for the process that had it before',
  'zombies-live': 'a zombie is taken for a live process',
  'lost-exit': 'the launcher forgets to say that a leader ended',
  'lost-spawned': 'the launcher forgets to say that a process was forked',
  'double-signal': 'a rung sends its signal twice',
  'no-last-rung': 'SIGKILL is never sent',
  'no-late-sweep': 'a deadline that comes late gives nothing back',
  'no-patience': 'idle and waiting hold no deadline',
  'two-lives': 'one order is forked twice',
  'forgotten-name': 'a name that is held is given away again',
  'lost-entry': 'an entry never reaches the journal',
  'reordered-entries': 'two entries reach the journal in the wrong order',
  'registry-lies': 'an append is confirmed and not done',
  'dead-listed-alive': 'a record says alive while the agent is reaped',
  'restart-after-stop': "a user's stop is taken for a crash",
  'orphan-left': 'nothing is swept',
  'no-marker-pass': 'what left the tree is not looked for',
  'hung-stop': 'stop() is never answered',
  'ready-lies': 'a promise that should be rejected is resolved',
  'uncontained-listeners': 'what a listener throws goes on its way',
} as const

export const isFault = (name: string): name is keyof typeof FAULTS => name in FAULTS
