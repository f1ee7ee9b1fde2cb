/** `/openapi.json`: what is served here, made from the routes and their schemas. */
import * as z from 'zod'
import { ERRORS, type ErrorCode } from '../errors.ts'
import { type JsonSchema, jsonSchemaOf } from '../json-schema.ts'
import {
  entrySchema,
  errorSchema,
  groupSchema,
  killResultSchema,
  killStalledResultSchema,
  recordSchema,
} from '../shapes.ts'
import { snakeKey } from '../snake-case.ts'
import { agentSpecSchema } from '../spec.ts'
import { VERSION } from '../version.ts'
import type { Route } from './route.ts'
import { STATUS_CODES } from './status-codes.ts'

/** Shapes with a name of their own. */
const NAMED: readonly (readonly [string, z.ZodType, 'input' | 'output'])[] = [
  ['Agent', recordSchema, 'output'],
  ['Entry', entrySchema, 'output'],
  ['Group', groupSchema, 'output'],
  ['KillResult', killResultSchema, 'output'],
  ['KillStalledResult', killStalledResultSchema, 'output'],
  ['Error', errorSchema, 'output'],
  ['AgentSpec', agentSpecSchema, 'input'],
]
/** What any request may be answered with. */
const ANY: readonly ErrorCode[] = ['unauthorized', 'forbidden', 'invalid_spec', 'too_large', 'internal']

const refTo = (name: string): JsonSchema => ({ $ref: `#/components/schemas/${name}` })

function schemaOf(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  const inner = schema instanceof z.ZodOptional ? (schema.unwrap() as z.ZodType) : schema
  const named = NAMED.find(([, each]) => each === inner)
  if (named) return refTo(named[0])
  if (inner instanceof z.ZodArray) return { type: 'array', items: schemaOf(inner.element as z.ZodType, io) }
  return jsonSchemaOf(inner, io)
}

function contentOf({ answer }: Route): JsonSchema {
  const text = { schema: { type: 'string' } }
  if (answer === 'lines') return { 'text/plain': text, 'text/event-stream': text }
  if (answer === 'events') return { 'text/event-stream': text }
  if (answer === 'document') return { 'application/json': { schema: { type: 'object' } } }
  return { 'application/json': { schema: schemaOf(answer, 'output') } }
}

function parametersOf({ path, query }: Route): JsonSchema[] {
  const inPath = [...path.matchAll(/\{(\w+)\}/g)].map(([, name]) => ({
    name,
    in: 'path',
    required: true,
    description: name === 'id' ? 'an id or a name' : 'the path of a group; a "/" in it is written %2F',
    schema: { type: 'string' },
  }))
  if (!query) return inPath
  const schema = jsonSchemaOf(query, 'input')
  const required = (schema.required ?? []) as string[]
  const inQuery = Object.entries(schema.properties as Record<string, JsonSchema>).map(([name, each]) => ({
    name: snakeKey(name),
    in: 'query',
    required: required.includes(name),
    schema: each,
  }))
  return [...inPath, ...inQuery]
}

function failuresOf({ errors = [] }: Route): JsonSchema {
  const byStatus = new Map<number, ErrorCode[]>()
  for (const code of new Set([...errors, ...ANY])) {
    const status = STATUS_CODES[code]
    byStatus.set(status, [...(byStatus.get(status) ?? []), code])
  }
  return Object.fromEntries(
    [...byStatus].map(([status, codes]) => [
      status,
      {
        description: codes.map((code) => `\`${code}\`: ${ERRORS[code]}`).join(' '),
        content: { 'application/json': { schema: refTo('Error') } },
      },
    ]),
  )
}

function operationOf(route: Route): JsonSchema {
  const { body, status = 200, summary } = route
  return {
    summary,
    parameters: parametersOf(route),
    ...(body && {
      requestBody: {
        required: !body.safeParse(undefined).success,
        content: { 'application/json': { schema: schemaOf(body, 'input') } },
      },
    }),
    responses: { [status]: { description: summary, content: contentOf(route) }, ...failuresOf(route) },
  }
}

export function openApi(routes: readonly Route[]): JsonSchema {
  const paths: Record<string, Record<string, JsonSchema>> = {}
  for (const route of routes) {
    const path = paths[route.path] ?? {}
    paths[route.path] = path
    path[route.method] = operationOf(route)
  }
  return {
    openapi: '3.1.0',
    info: {
      title: 'Reeve',
      version: VERSION,
      description:
        'A daemon that supervises agents. On its Unix socket every request of the user is taken; a bearer token says which agent asks. On 127.0.0.1 the token of the home is required.',
    },
    security: [{}, { bearer: [] }],
    paths,
    components: {
      securitySchemes: { bearer: { type: 'http', scheme: 'bearer' } },
      schemas: Object.fromEntries(NAMED.map(([name, schema, io]) => [name, jsonSchemaOf(schema, io)])),
    },
  }
}
