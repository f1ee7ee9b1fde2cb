/**
 * What a caller wrote, of whatever realm its literals are: at Node's own prompt, and in every `node:vm` context, `{}` and
 * `/x/` are none of this realm's `Object` and `RegExp`.
 */
import { types } from 'node:util'

/** Written as a literal, or without a prototype: no instance of a class, no list. */
export function isPlainObject(value: unknown): value is Readonly<Record<string, unknown>> {
  if (typeof value !== 'object' || value === null || Array.isArray(value)) return false
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || Object.getPrototypeOf(prototype) === null
}

export const isRegExp = (value: unknown): value is RegExp => types.isRegExp(value)
