/** Schemas as MCP wants them: JSON Schema in the names of the wire. What is held to them is held by us, in our words. */
import type { StandardSchemaWithJSON } from '@modelcontextprotocol/server'
import type * as z from 'zod'
import { type JsonSchema, jsonSchemaOf } from '../json-schema.ts'

const made = new WeakMap<z.ZodType, JsonSchema>()

function once(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  const known = made.get(schema)
  if (known) return known
  const json = portable(jsonSchemaOf(schema, io)) as JsonSchema
  made.set(schema, json)
  return json
}

/** Tells the shape and lets everything pass: a tool reads its arguments itself, and its errors name field and way out. */
export const advertised = (
  schema: z.ZodType,
  io: 'input' | 'output',
): StandardSchemaWithJSON<unknown, unknown> => ({
  '~standard': {
    version: 1,
    vendor: 'reeve',
    validate: (value) => ({ value }),
    jsonSchema: { input: () => once(schema, io), output: () => once(schema, io) },
  },
})

/** Several types are branches of their own: some clients take one `type` alone, and drop a tool that has more. */
function portable(schema: unknown): unknown {
  if (Array.isArray(schema)) return schema.map(portable)
  if (typeof schema !== 'object' || schema === null) return schema
  const { type, ...rest } = Object.fromEntries(
    Object.entries(schema).map(([key, each]) => [key, portable(each)]),
  )
  if (!Array.isArray(type) || 'anyOf' in rest) return type === undefined ? rest : { type, ...rest }
  return { ...rest, anyOf: type.map((each: unknown) => ({ type: each })) }
}
