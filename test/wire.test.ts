/** What travels on every wire: names in snake_case, one shape of error, and schemas that are those of the types. */
import t from 'tap'
import type { z } from 'zod'
import type { Entry } from '../machines/events.ts'
import type { AgentHealth } from '../src/agent-health.ts'
import type { RemoteGroup } from '../src/client/index.ts'
import { ReeveError } from '../src/errors.ts'
import type { GroupEnd, GroupRecord } from '../src/group-record.ts'
import type { Agent, Group, Supervisor } from '../src/index.ts'
import type { KillResult, KillStalledResult } from '../src/kill.ts'
import { readWire } from '../src/read-wire.ts'
import type { AgentHandle, GroupHandle, Reeve } from '../src/reeve.ts'
import type { AgentRecord } from '../src/registry/record.ts'
import type {
  entrySchema,
  errorSchema,
  evidenceSchema,
  groupEndSchema,
  groupSchema,
  healthSchema,
  killResultSchema,
  killStalledResultSchema,
  recordSchema,
} from '../src/shapes.ts'
import { agentSpecSchema } from '../src/spec.ts'
import { errorFromWire, fromWire, isWireError, toWire, type WireError, wireError } from '../src/wire.ts'

/** Compiles only while both say the same: every field of the one is in the other, and fits. */
type Keys<A, B> = [Exclude<keyof A, keyof B>, Exclude<keyof B, keyof A>] extends [never, never] ? true : never
type Fits<A, B> = A extends B ? true : never
type Evidence = NonNullable<Entry['evidence']>
const held: true[] = [
  true satisfies Keys<z.infer<typeof recordSchema>, AgentRecord>,
  true satisfies Fits<AgentRecord, z.infer<typeof recordSchema>>,
  true satisfies Keys<z.infer<typeof entrySchema>, Entry>,
  true satisfies Fits<Entry, z.infer<typeof entrySchema>>,
  true satisfies Keys<z.infer<typeof evidenceSchema>, Evidence>,
  true satisfies Fits<Evidence, z.infer<typeof evidenceSchema>>,
  true satisfies Keys<z.infer<typeof healthSchema>, AgentHealth>,
  true satisfies Fits<AgentHealth, z.infer<typeof healthSchema>>,
  true satisfies Keys<z.infer<typeof groupSchema>, GroupRecord>,
  true satisfies Fits<GroupRecord, z.infer<typeof groupSchema>>,
  true satisfies Keys<z.infer<typeof groupEndSchema>, GroupEnd>,
  true satisfies Fits<GroupEnd, z.infer<typeof groupEndSchema>>,
  true satisfies Keys<z.infer<typeof killResultSchema>, KillResult>,
  true satisfies Fits<KillResult, z.infer<typeof killResultSchema>>,
  true satisfies Keys<z.infer<typeof killStalledResultSchema>, KillStalledResult>,
  true satisfies Fits<KillStalledResult, z.infer<typeof killStalledResultSchema>>,
  true satisfies Keys<Omit<z.infer<typeof errorSchema>, 'agentId'>, Omit<WireError, 'agent_id'>>,
  // A supervisor and its agents are what every face takes.
  true satisfies Fits<Supervisor, Reeve>,
  true satisfies Fits<Agent, AgentHandle>,
  true satisfies Fits<Group, GroupHandle>,
  true satisfies Fits<RemoteGroup, GroupHandle>,
]

t.equal(held.length, 21)

t.test('keys are in snake_case, and what is someone else’s stays as it is', async (t) => {
  const record = {
    lastHeartbeatAt: 'x',
    killedAgents: [{ agentId: 'a' }],
    labels: { teamName: 'A' },
    evidence: { said: { exitCode: 1 }, silentMs: 5 },
    env: { homeDir: '/x' },
  }
  const wire = {
    last_heartbeat_at: 'x',
    killed_agents: [{ agent_id: 'a' }],
    labels: { teamName: 'A' },
    evidence: { said: { exitCode: 1 }, silent_ms: 5 },
    env: { homeDir: '/x' },
  }
  t.strictSame(toWire(record), wire)
  t.strictSame(fromWire(wire), record)
  t.strictSame(toWire([record, null, 1]), [wire, null, 1])
})

t.test('an error comes back as the same error', async (t) => {
  const error = new ReeveError('spawn_failed', 'x: ENOENT', {
    agentId: 'a1',
    errno: 'ENOENT',
    field: 'cwd',
    record: { lastHeartbeatAt: null, labels: { aB: 'c' } },
  })
  const wire = wireError(error)
  t.strictSame(wire, {
    success: false,
    error: 'spawn_failed',
    message: 'x: ENOENT',
    agent_id: 'a1',
    field: 'cwd',
    errno: 'ENOENT',
    record: { last_heartbeat_at: null, labels: { aB: 'c' } },
  })
  t.ok(isWireError(wire))
  const back = errorFromWire(wire)
  t.strictSame({ ...back }, { ...error })
  t.equal(back.message, error.message)
})

t.test('what is no error of ours is internal, here and from a newer Reeve', async (t) => {
  t.match(wireError(new TypeError('boom')), { error: 'internal', message: 'boom' })
  const newer = { success: false, error: 'too_clever', message: 'x' } as unknown as WireError
  t.match(errorFromWire(newer), { code: 'internal', message: 'too_clever: x' })
})

t.test('what came from outside is held to the schema, in the names of the wire', async (t) => {
  const spec = { command: ['x'], spawn_timeout: '5s', heartbeat: { max_wait: '1h' }, labels: { aB: 'c' } }
  t.strictSame(readWire(agentSpecSchema, spec, 'spec'), {
    command: ['x'],
    spawnTimeout: '5s',
    heartbeat: { maxWait: '1h' },
    labels: { aB: 'c' },
  })
  const refused = (value: unknown, field: string, message: RegExp) =>
    t.throws(() => readWire(agentSpecSchema, value, 'spec'), { code: 'invalid_spec', field, message })
  refused(
    { command: ['x'], spawnTimeout: '5s' },
    'spawnTimeout',
    /^spawnTimeout: no such field in spec\..*spawn_timeout\.$/,
  )
  refused(
    { command: ['x'], spawn_timeout: 'soon' },
    'spawn_timeout',
    /^spawn_timeout: "soon" is not a duration/,
  )
  refused({ command: ['x'], heartbeat: { on_stall: 'x' } }, 'heartbeat.on_stall', /^heartbeat\.on_stall: /)
  refused({ command: ['x'], colour: 1 }, 'colour', /^colour: no such field in spec\./)
  refused(['x'], 'spec', /^spec: /)
  refused(null, 'spec', /^spec: /)
  const deep = JSON.parse(`${'{"a":'.repeat(5000)}1${'}'.repeat(5000)}`)
  refused({ command: ['x'], labels: {}, ready: deep }, 'ready', /nested more than 64 deep/)
})
