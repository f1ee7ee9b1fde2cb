/** Schemas as a wire has them: names in snake_case, and without the fields that are refused because they are not built. */
import { z } from 'zod'
import { snakeKey } from './snake-case.ts'

export type JsonSchema = Record<string, unknown>

const isRefused = (schema: unknown): boolean =>
  schema instanceof z.ZodOptional && schema.unwrap() instanceof z.ZodUndefined

/** `input`: what one may write; `output`: what is answered. */
export function jsonSchemaOf(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  const { $schema: _, ...made } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    override({ zodSchema, jsonSchema }) {
      // A switch in a query is written as a word, and read as what it says.
      if (jsonSchema.type === 'boolean') delete jsonSchema.enum
      if (zodSchema instanceof z.ZodObject && jsonSchema.properties) {
        const kept = Object.entries(jsonSchema.properties).filter(([key]) => !isRefused(zodSchema.shape[key]))
        jsonSchema.properties = Object.fromEntries(kept.map(([key, each]) => [snakeKey(key), each]))
        if (jsonSchema.required) jsonSchema.required = jsonSchema.required.map(snakeKey)
        // An answer may grow: whoever reads it must not stumble over a field of a newer Reeve.
        if (io === 'output') delete jsonSchema.additionalProperties
      }
    },
  })
  return made
}
