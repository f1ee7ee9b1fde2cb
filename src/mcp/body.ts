/** Reading a request that nobody has read yet: JSON, and bounded. */

const MAX_BODY_BYTES = 4 * 1024 * 1024
const PARSE_ERROR = -32_700

const refused = (status: number, message: string): Response =>
  Response.json({ jsonrpc: '2.0', id: null, error: { code: PARSE_ERROR, message } }, { status })

/** `undefined` where there is none; a response where it cannot be taken. */
export async function bodyOf(request: Request): Promise<unknown> {
  if (request.method !== 'POST' || request.body === null || request.bodyUsed) return undefined
  const chunks: Uint8Array[] = []
  let bytes = 0
  for await (const chunk of request.body) {
    bytes += chunk.length
    if (bytes > MAX_BODY_BYTES) return refused(413, `the body is larger than ${MAX_BODY_BYTES / 2 ** 20} MB`)
    chunks.push(chunk)
  }
  try {
    return JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(Buffer.concat(chunks)))
  } catch {
    return refused(400, 'the body is no JSON') // what it is instead is nobody's to repeat
  }
}
