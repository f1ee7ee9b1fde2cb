/** The tools that begin agents, speak to them and end them. Who asks is recorded with each. */
import * as z from 'zod'
import { awaited } from '../awaited.ts'
import type { Duration } from '../duration.ts'
import type { CancelOptions, KillOptions, KillResult, KillStalledOptions, StopOptions } from '../kill.ts'
import {
  cancelOptionsSchema,
  inputSchema,
  killOptionsSchema,
  killStalledSchema,
  stopOptionsSchema,
} from '../options.ts'
import type { AgentHandle } from '../reeve.ts'
import { killResultSchema, killStalledResultSchema, recordSchema } from '../shapes.ts'
import { type AgentSpec, agentSpecSchema } from '../spec.ts'
import { plain } from '../terminal/plain.ts'
import type { Asked } from './asked.ts'
import { found, handleOf } from './found.ts'
import { recordText, type Said, some } from './said.ts'
import { agent, CHANGES, ENDS, oneRecord, type Tool, timeout, tool } from './tool.ts'
import { doneInTime, inTime, timeoutMsOf } from './waiting.ts'

const done = z.object({ success: z.literal(true), agentId: z.string() })

/** Who asks is known: nobody speaks for someone else here. */
const toEnd = { agent, timeout }
const withoutBy = { by: true } as const

interface Ending {
  readonly agent: string
  readonly timeout?: Duration | undefined
}

/** What was asked, without what was left out, and with who asks. */
function signed<T extends Ending>({ args, by }: Asked<T>): object {
  const { agent: _, timeout: __, ...options } = args
  return { by, ...Object.fromEntries(Object.entries(options).filter(([, value]) => value !== undefined)) }
}

const killed = (result: KillResult): Said => ({
  value: result,
  text: plain(`${result.message}${result.pid === null ? '' : ` (pid ${result.pid})`}`),
})

const spawnAgent = tool({
  name: 'spawn_agent',
  title: 'Spawn an agent',
  description:
    'Starts a process and supervises it, with everything that it starts. "command" is an argv: no shell is involved. Waits until it is ready and tells its record; with "wait": false it answers at once. The same "id" again returns the same agent.',
  hints: { ...CHANGES, openWorldHint: true },
  input: agentSpecSchema.omit({ spawner: true }).extend({
    wait: z
      .boolean()
      .optional()
      .meta({ description: 'false: answer at once, while it starts. Default: true' }),
    timeout,
  }),
  output: recordSchema,
  async handle(asked) {
    const { wait = true, timeout, cwd, ...spec } = asked.args
    const limitMs = timeoutMsOf(timeout)
    const whole = { ...spec, cwd: asked.host.cwdOf(cwd), spawner: asked.by } as AgentSpec
    const handle = await asked.reeve.spawn(whole)
    if (!wait) return oneRecord(handle.record)
    const ready = await inTime(asked, handle, limitMs, (signal) => awaited(handle.ready, signal))
    if (ready) return oneRecord(ready)
    const { record } = await found(asked.reeve, handle.id)
    return { value: record, text: `${recordText(record)}; not ready yet: wait_agent with "for": "ready"` }
  },
})

const sendInput = tool({
  name: 'send_input',
  title: 'Send input to an agent',
  description:
    'Writes text to the stdin of the agent, which has to be open (spawn it with "stdin": "open"). Nothing is added: end a line with \\n.',
  hints: CHANGES,
  input: z.strictObject({ agent, input: inputSchema }),
  output: done,
  async handle({ reeve, args }) {
    const { record } = await found(reeve, args.agent)
    await reeve.send(record.id, args.input)
    return {
      value: { success: true, agentId: record.id },
      text: `sent ${some(Buffer.byteLength(args.input), 'byte')} to ${plain(record.name)}`,
    }
  },
})

interface Way<O> extends Pick<Tool, 'name' | 'title' | 'description'> {
  readonly options: z.ZodObject
  act(handle: AgentHandle, options: O): Promise<KillResult>
}

/** Ends one agent, in one of three ways. */
const ending = <O extends object>({ options, act, ...described }: Way<O>): Tool =>
  tool({
    ...described,
    hints: ENDS,
    input: options.omit(withoutBy).extend(toEnd),
    output: killResultSchema,
    async handle(of) {
      const asked = of as Asked<unknown> as Asked<Ending>
      const handle = handleOf(await found(asked.reeve, asked.args.agent))
      return killed(await doneInTime(asked, handle, () => act(handle, signed(asked) as O)))
    },
  })

const cancelAgent = ending<CancelOptions>({
  name: 'cancel_agent',
  title: 'Cancel an agent',
  description:
    'Lets the agent finish its present step and start no other; past "within", its stop ladder ends it. It never comes back. Answers when its whole process tree is gone.',
  options: cancelOptionsSchema,
  act: (handle, options) => handle.cancel(options),
})

const stopAgent = ending<StopOptions>({
  name: 'stop_agent',
  title: 'Stop an agent',
  description:
    'Walks the stop ladder of the agent: SIGTERM, and SIGKILL after "grace", to its whole process tree. It does not come back. Answers when the tree is gone.',
  options: stopOptionsSchema,
  act: (handle, options) => handle.stop(options),
})

const killAgent = ending<KillOptions>({
  name: 'kill_agent',
  title: 'Kill an agent',
  description:
    'SIGKILL to the whole process tree of the agent, at once. It saves nothing; stop_agent lets it. Answers when the tree is gone.',
  options: killOptionsSchema,
  act: (handle, options) => handle.kill(options),
})

const killStalledAgents = tool({
  name: 'kill_stalled_agents',
  title: 'Kill stalled agents',
  description:
    'Ends every agent that has been silent for longer than "heartbeat_timeout", or without it those that are stalling; never one that says it is idle or waiting. Their restart policies apply.',
  hints: { ...ENDS, idempotentHint: false },
  input: killStalledSchema,
  output: killStalledResultSchema,
  async handle({ reeve, args, signal }) {
    const result = await awaited(reeve.killStalled(args as KillStalledOptions), signal)
    const failed = result.failedAgents ?? []
    const lines = [
      `${some(result.agentsKilled, 'agent')} killed`,
      ...result.killedAgents.map(({ agentId, secondsSinceHeartbeat }) =>
        plain(`${agentId}, silent for ${secondsSinceHeartbeat} s`),
      ),
      ...failed.map(({ agentId, code, message }) => plain(`${agentId} is still there: ${code}: ${message}`)),
    ]
    return { value: result, text: lines.join('\n') }
  },
})

const restartAgent = tool({
  name: 'restart_agent',
  title: 'Restart an agent',
  description:
    'Ends this life of the agent by its stop ladder and begins the next, with the same id; one that has ended begins again. Answers when the new life runs.',
  hints: { ...ENDS, idempotentHint: false },
  input: stopOptionsSchema.omit(withoutBy).extend(toEnd),
  output: recordSchema,
  async handle(asked) {
    const { reeve, args } = asked
    const { handle, record } = await found(reeve, args.agent)
    const options = signed(asked) as StopOptions
    if (!handle) return oneRecord(await reeve.restart(record.id, options))
    return oneRecord(await doneInTime(asked, handle, () => handle.restart(options)))
  },
})

const removeAgent = tool({
  name: 'remove_agent',
  title: 'Remove an ended agent',
  description:
    'Forgets an agent that has ended; with "history": true its entries and its log too, for good. One that runs has to be stopped first.',
  hints: ENDS,
  input: z.strictObject({
    agent,
    history: z.boolean().optional().meta({ description: 'its entries and its log, too. Default: false' }),
  }),
  output: done,
  async handle({ reeve, args: { agent, history = false } }) {
    const { record } = await found(reeve, agent)
    await reeve.remove(record.id, { history })
    return {
      value: { success: true, agentId: record.id },
      text: `${plain(record.name)} (${record.id}) is removed${history ? ', with its history' : ''}`,
    }
  },
})

export const actingTools = [
  spawnAgent,
  sendInput,
  cancelAgent,
  stopAgent,
  killAgent,
  killStalledAgents,
  restartAgent,
  removeAgent,
]
