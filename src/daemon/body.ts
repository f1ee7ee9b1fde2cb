/** Reading the body of a request: bounded, and JSON, whatever its content type says. */
import { messageOf, ReeveError } from '../errors.ts'

/** More than an argv and an environment can hold that the kernel takes. */
export const MAX_BODY_BYTES = 4 * 1024 * 1024
/** What is larger is read and thrown away up to here, so that its sender hears why. */
const HEARD_OUT_BYTES = 64 * 1024 * 1024

const tooLarge = () =>
  new ReeveError(
    'too_large',
    `the body is larger than ${MAX_BODY_BYTES / 2 ** 20} MB, which is the most that is taken`,
  )

/** `undefined` when it is empty. Throws `too_large`, `invalid_spec`. */
export async function jsonBody(request: Request): Promise<unknown> {
  if (Number(request.headers.get('content-length') ?? 0) > HEARD_OUT_BYTES) throw tooLarge()
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of request.body ?? []) {
    bytes += chunk.length
    if (bytes > HEARD_OUT_BYTES) throw tooLarge()
    if (bytes <= MAX_BODY_BYTES) chunks.push(chunk)
    else chunks.length = 0
  }
  if (bytes > MAX_BODY_BYTES) throw tooLarge()
  if (bytes === 0) return undefined
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)))
  } catch (cause) {
    throw new ReeveError('invalid_spec', `body: is no JSON: ${messageOf(cause)}`, { field: 'body', cause })
  }
}
