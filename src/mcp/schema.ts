/** Schemas as MCP wants them: JSON Schema in the names of the wire. What is held to them is held by us, in our words. */
import type { StandardSchemaWithJSON } from '@modelcontextprotocol/server'
import type { z } from 'zod'
import { type JsonSchema, jsonSchemaOf } from '../json-schema.ts'

const made = new WeakMap<z.ZodType, JsonSchema>()

function once(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  const known = made.get(schema)
  if (known) return known
  const json = jsonSchemaOf(schema, io)
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
