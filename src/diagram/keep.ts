/** A picture in a file. */
import { writeFile } from 'node:fs/promises'
import { errnoOf, messageOf, ReeveError } from '../errors.ts'

/** @throws ReeveError `invalid_spec` when the file cannot be written */
export async function keepDiagram(file: string, text: string): Promise<void> {
  try {
    await writeFile(file, text)
  } catch (cause) {
    const errno = errnoOf(cause)
    throw new ReeveError('invalid_spec', `output: ${file} cannot be written: ${messageOf(cause)}`, {
      field: 'output',
      cause,
      ...(errno !== undefined && { errno }),
    })
  }
}
