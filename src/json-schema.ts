/** Schemas as a wire has them: names in snake_case. */
import * as z from 'zod'
import { snakeKey } from './snake-case.ts'

export type JsonSchema = Record<string, unknown>

/** What is quoted in a description, as the wire has it. */
const inWireNames = (text: string): string =>
  text.replaceAll(/`[^`]+`/g, (quoted) => quoted.replaceAll(/\b[a-z]+(?:[A-Z][a-z]+)+\b/g, snakeKey))

/** `input`: what one may write; `output`: what is answered. */
export function jsonSchemaOf(schema: z.ZodType, io: 'input' | 'output'): JsonSchema {
  const { $schema: _, ...made } = z.toJSONSchema(schema, {
    io,
    unrepresentable: 'any',
    override({ zodSchema, jsonSchema }) {
      // A switch in a query is written as a word, and read as what it says.
      if (jsonSchema.type === 'boolean') delete jsonSchema.enum
      if (jsonSchema.description) jsonSchema.description = inWireNames(jsonSchema.description)
      // That a number is one that JavaScript can count to needs no saying.
      if (jsonSchema.minimum === Number.MIN_SAFE_INTEGER) delete jsonSchema.minimum
      if (jsonSchema.maximum === Number.MAX_SAFE_INTEGER) delete jsonSchema.maximum
      // Of a frozen array it says that it cannot be written, also where it is what one writes.
      delete jsonSchema.readOnly
      if (zodSchema instanceof z.ZodObject && jsonSchema.properties) {
        const properties = Object.entries(jsonSchema.properties)
        jsonSchema.properties = Object.fromEntries(properties.map(([key, each]) => [snakeKey(key), each]))
        if (jsonSchema.required) jsonSchema.required = jsonSchema.required.map(snakeKey)
        // An answer may grow: whoever reads it must not stumble over a field of a newer Reeve.
        if (io === 'output') delete jsonSchema.additionalProperties
      }
    },
  })
  return made
}
