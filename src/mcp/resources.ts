/** Agents, their logs and their histories as resources: listed page by page, read, and subscribed to. */
import {
  type McpServer,
  ProtocolError,
  ProtocolErrorCode,
  type Resource,
  ResourceNotFoundError,
  type TextResourceContents,
} from '@modelcontextprotocol/server'
import { ReeveError } from '../errors.ts'
import type { AgentRecord } from '../registry/record.ts'
import { plain } from '../terminal/plain.ts'
import { toWire, wireError } from '../wire.ts'
import { found } from './found.ts'
import type { Host } from './host.ts'
import { endOf, logText } from './log-text.ts'
import { historyOf } from './reading.ts'
import type { Updates } from './updates.ts'
import { KINDS, type Kind, placeOf, TEMPLATE, uriOf } from './uri.ts'

/** Agents in a page of a list. */
const PAGE = 50
const LOG_LINES = 2_000
const HISTORY_ENTRIES = 1_000
const SUGGESTIONS = 100

const ABOUT: Readonly<Record<Kind, { title: string; description: string; mimeType: string }>> = {
  record: {
    title: 'Agent',
    description: 'What it is in, and why: its record.',
    mimeType: 'application/json',
  },
  log: { title: 'Log', description: 'The last that it wrote.', mimeType: 'text/plain' },
  history: {
    title: 'History',
    description: 'What happened to it: its last entries.',
    mimeType: 'application/json',
  },
}

const resourcesOf = ({ id, name, state }: AgentRecord): Resource[] =>
  KINDS.map((kind) => {
    const { title, description, mimeType } = ABOUT[kind]
    const shown = plain(name)
    return {
      uri: uriOf({ agent: id, kind }),
      name: kind === 'record' ? shown : `${shown} ${kind}`,
      title: kind === 'record' ? `${shown} (${state})` : `${title} of ${shown}`,
      description,
      mimeType,
    }
  })

/** What MCP has for failures outside of tools. */
async function inProtocol<T>(uri: string | undefined, host: Host, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (thrown) {
    if (thrown instanceof ProtocolError) throw thrown
    if (!(thrown instanceof ReeveError)) host.fault(thrown)
    const error = wireError(thrown)
    if (uri !== undefined && error.error === 'agent_not_found')
      throw new ResourceNotFoundError(uri, error.message)
    throw new ProtocolError(ProtocolErrorCode.InternalError, `${error.error}: ${error.message}`, error)
  }
}

async function read(uri: string, host: Host): Promise<TextResourceContents> {
  const place = placeOf(uri)
  if (!place) throw new ResourceNotFoundError(uri, `${uri} is none of ours: see ${TEMPLATE}`)
  const reeve = await host.reeve()
  const { mimeType } = ABOUT[place.kind]
  const json = (value: unknown) => ({ uri, mimeType, text: JSON.stringify(toWire(value), null, 2) })
  if (place.kind === 'history') return json((await historyOf(reeve, place.agent)).slice(-HISTORY_ENTRIES))
  const { handle, record } = await found(reeve, place.agent)
  if (place.kind === 'record') return json(record)
  const log = !handle && host.logsOf ? host.logsOf(record, {}) : reeve.logs(record.id)
  return { uri, mimeType, text: logText(await endOf(log, { lines: LOG_LINES })) }
}

/** Pages begin after the agent that the cursor names. */
async function page(host: Host, cursor: string | undefined) {
  const records = await (await host.reeve()).records()
  const at = cursor === undefined ? 0 : records.findIndex(({ id }) => id === cursor) + 1
  if (cursor !== undefined && at === 0)
    throw new ProtocolError(
      ProtocolErrorCode.InvalidParams,
      `the cursor ${JSON.stringify(cursor)} is not known any more: begin without one`,
    )
  const some = records.slice(at, at + PAGE)
  const last = some.at(-1)
  return {
    resources: some.flatMap(resourcesOf),
    ...(last && at + PAGE < records.length && { nextCursor: last.id }),
  }
}

/** Ids and names that begin so. */
async function completions(host: Host, begun: string): Promise<string[]> {
  const records = await (await host.reeve()).records()
  const all = new Set(records.flatMap(({ id, name }) => [name, id]))
  return [...all].filter((each) => each.startsWith(begun))
}

export const RESOURCE_CAPABILITIES = {
  resources: { subscribe: true, listChanged: true },
  completions: {},
}

export function serveResources({ server }: McpServer, host: Host, updates: Updates): void {
  server.setRequestHandler('resources/list', ({ params }) => {
    updates.begin()
    return inProtocol(undefined, host, () => page(host, params?.cursor))
  })
  server.setRequestHandler('resources/templates/list', () => ({
    resourceTemplates: KINDS.map((kind) => ({
      ...ABOUT[kind],
      name: kind === 'record' ? 'agent' : `agent ${kind}`,
      uriTemplate: kind === 'record' ? TEMPLATE : `${TEMPLATE}/${kind}`,
    })),
  }))
  server.setRequestHandler('resources/read', ({ params: { uri } }) =>
    inProtocol(uri, host, async () => ({ contents: [await read(uri, host)] })),
  )
  server.setRequestHandler('resources/subscribe', ({ params: { uri } }) =>
    inProtocol(uri, host, async () => {
      const place = placeOf(uri)
      if (!place) throw new ResourceNotFoundError(uri, `${uri} is none of ours: see ${TEMPLATE}`)
      await found(await host.reeve(), place.agent)
      updates.watch(uri)
      return {}
    }),
  )
  server.setRequestHandler('resources/unsubscribe', ({ params: { uri } }) => {
    updates.drop(uri)
    return {}
  })
  server.setRequestHandler('completion/complete', ({ params: { ref, argument } }) =>
    inProtocol(undefined, host, async () => {
      const ours = ref.type === 'ref/resource' && ref.uri.startsWith(TEMPLATE) && argument.name === 'id'
      const values = ours ? await completions(host, argument.value) : []
      return {
        completion: {
          values: values.slice(0, SUGGESTIONS),
          total: values.length,
          hasMore: values.length > SUGGESTIONS,
        },
      }
    }),
  )
}
