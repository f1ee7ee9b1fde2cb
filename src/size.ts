/** Sizes at the door: bytes, or text like "10mb". Inside they are `…Bytes`. */
import * as z from 'zod'
import { shown } from './errors.ts'

/** A number of bytes, or text: a number and `b`, `kb`, `mb`, `gb` or `tb`, of 1024 each. */
export type Size = number | string

const UNITS: Readonly<Record<string, number>> = { b: 1, kb: 2 ** 10, mb: 2 ** 20, gb: 2 ** 30, tb: 2 ** 40 }
/** Blocks are what is given back to the disk, and a rotation costs a few milliseconds: below, it is not worth it. */
const LEAST_BYTES = 64 * 1024

const HOW_TO_SAY_SIZE = 'Write a number of bytes, or text like "512kb", "10mb", "1gb".'

/** What a size that has passed the schema comes to; NaN for what is none. */
export function bytesOf(value: Size): number {
  if (typeof value === 'number') return Math.floor(value)
  const [, number, unit = 'b'] = /^\s*(\d{1,16}(?:\.\d{1,16})?)\s*([kmgt]?b)?\s*$/i.exec(value) ?? []
  return Math.floor(Number(number) * (UNITS[unit.toLowerCase()] ?? Number.NaN))
}

/** A size as one would say it: `1.5 GB`. */
export function sizeText(bytes: number): string {
  const [unit, of] = Object.entries(UNITS).findLast(([, of]) => bytes >= of) ?? ['b', 1]
  return `${Math.round((bytes / of) * 10) / 10} ${unit.toUpperCase()}`
}

const notASize = (issue: { input?: unknown }) => `${shown(issue.input)} is not a size. ${HOW_TO_SAY_SIZE}`

export const size = z
  .union([z.number(), z.string()], { error: notASize })
  .refine((value) => Number.isSafeInteger(bytesOf(value)) && bytesOf(value) >= 0, { error: notASize })
  .refine((value) => !(bytesOf(value) < LEAST_BYTES), {
    error: (issue) => `${shown(issue.input)} is less than 64 KiB. ${HOW_TO_SAY_SIZE}`,
  })
