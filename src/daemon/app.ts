/** The routes as an application: who asks is checked, what is asked is understood, what is answered is written. */
import type { HttpBindings } from '@hono/node-server'
import { type Context, Hono } from 'hono'
import * as z from 'zod'
import { ReeveError } from '../errors.ts'
import { readWire } from '../read-wire.ts'
import type { AgentRecord } from '../registry/record.ts'
import { recordSchema } from '../shapes.ts'
import { VERSION } from '../version.ts'
import { toWire, wireError } from '../wire.ts'
import { agentRoutes } from './agents.ts'
import { jsonBody } from './body.ts'
import { entryRoutes } from './entries.ts'
import { groupRoutes } from './groups.ts'
import { admitted, type Door } from './guard.ts'
import { manyRoutes } from './many.ts'
import { MCP_PATH, type McpDoor, mcpDoor } from './mcp.ts'
import { metaRoutes } from './meta.ts'
import { openApi } from './openapi.ts'
import type { Requester } from './requester.ts'
import { Answered, type Call, type Route, route, type Served } from './route.ts'
import { STATUS_CODES } from './status-codes.ts'

const routes: readonly Route[] = [
  ...agentRoutes,
  ...manyRoutes,
  ...groupRoutes,
  ...entryRoutes,
  ...metaRoutes,
]

let document: unknown
const openApiRoute: Route = route({
  method: 'get',
  path: '/openapi.json',
  summary: 'This document.',
  answer: 'document',
  handle: (): unknown => {
    document ??= openApi(ROUTES)
    return document
  },
})

export const ROUTES: readonly Route[] = [...routes, openApiRoute]

export interface AppOptions {
  readonly served: Served
  readonly door: Door
  readonly token: string
  /** A fault of ours, for the log. */
  readonly fault: (cause: unknown) => void
}

/** Who asked is gone before there was an answer. It is never sent. */
const NOBODY_THERE = 499

type Env = { Bindings: HttpBindings }

/** An error as a response. What is no ReeveError is a fault of ours: told to the log, too. */
export function failure(thrown: unknown, fault: (cause: unknown) => void): Response {
  if (!(thrown instanceof ReeveError)) fault(thrown)
  const error = wireError(thrown)
  return json(STATUS_CODES[error.error], error)
}

const json = (status: number, value: unknown, headers: Record<string, string> = {}): Response =>
  new Response(`${JSON.stringify(value)}\n`, {
    status,
    headers: { 'content-type': 'application/json; charset=utf-8', 'reeve-version': VERSION, ...headers },
  })

export function appOf({ served, door, token, fault }: AppOptions): Hono<Env> {
  const app = new Hono<Env>()
  for (const each of ROUTES)
    app.on(each.method.toUpperCase(), each.path.replaceAll(/\{(\w+)\}/g, ':$1'), (context) =>
      answer(each, context),
    )
  const mcp: McpDoor = mcpDoor(served, fault)
  app.all(MCP_PATH, (context) => mcp(context.req.raw, askedBy(context), whileThere(context)))
  app.notFound((context) => {
    const { method, path } = context.req
    const message = `nothing is served at ${method} ${path}: see /openapi.json. This is version ${VERSION}.`
    return failure(new ReeveError('route_not_found', message), fault)
  })
  app.onError((error) => failure(error, fault))
  return app

  function askedBy({ req }: Context<Env>): Requester {
    const [host, origin, authorization] = ['host', 'origin', 'authorization'].map((name) => req.header(name))
    return admitted(door, { host, origin, authorization }, token, served.reeve)
  }

  function whileThere({ env }: Context<Env>): AbortSignal {
    const over = new AbortController()
    env.outgoing.once('close', () => over.abort(new Error('who asked is gone')))
    return over.signal
  }

  async function answer(each: Route, context: Context<Env>): Promise<Response> {
    const { req, env } = context
    const requester = askedBy(context)
    const signal = whileThere(context)
    const call: Call<unknown, unknown> = {
      ...served,
      id: req.param('id') ?? req.param('path') ?? '',
      query: each.query && readWire(each.query, queryOf(req.queries()), 'query'),
      body: await bodyOf(each, req.raw),
      requester,
      lastEventId: req.header('last-event-id'),
      wantsEvents: req.header('accept')?.includes('text/event-stream') ?? false,
      signal,
      cutOff: () => env.outgoing.destroy(),
    }
    let value: unknown
    try {
      value = await each.handle(call)
    } catch (error) {
      // Nobody is there to be told.
      if (signal.aborted && error === signal.reason) return new Response(null, { status: NOBODY_THERE })
      throw error
    }
    if (value instanceof Response) {
      value.headers.set('reeve-version', VERSION)
      return value
    }
    const { status = 200, answer: shape } = each
    if (shape === 'document') return json(status, value)
    const answered = value instanceof Answered ? value : new Answered(status, value)
    if (shape !== recordSchema) return json(answered.status, toWire(answered.value))
    // A record goes with the place in the log up to which it is the fold.
    const { id } = answered.value as AgentRecord
    const record = served.reeve.get(id)?.record ?? answered.value
    return json(answered.status, toWire(record), { 'reeve-place': served.reeve.place })
  }
}

/** What was said once is a text, what was repeated a list. */
const queryOf = (queries: Record<string, string[]>): Record<string, string | string[]> =>
  Object.fromEntries(
    Object.entries(queries).map(([key, all]) => [key, all.length === 1 ? (all[0] as string) : all]),
  )

async function bodyOf({ body }: Route, request: Request): Promise<unknown> {
  if (!body) return undefined
  const given = await jsonBody(request)
  return body instanceof z.ZodUnknown ? given : readWire(body, given, 'body')
}
