/** Bytes of a file as lines, and lines as bytes. */
import type fs from 'node:fs/promises'

const CHUNK = 128 * 1024
const NEWLINE = 10

/** Writes all of it, however often that takes. */
export async function writeAll(handle: fs.FileHandle, bytes: Buffer, position: number): Promise<void> {
  for (let done = 0; done < bytes.length; ) {
    const { bytesWritten } = await handle.write(bytes, done, bytes.length - done, position + done)
    done += bytesWritten
  }
}

/**
 * Gives each whole line of the first `size` bytes, and answers with what follows the last. The event loop is given back
 * between chunks; `between` is awaited there.
 */
export async function eachLine(
  handle: fs.FileHandle,
  size: number,
  take: (text: string) => void,
  between?: () => Promise<void>,
): Promise<Buffer> {
  const parts: Buffer[] = []
  for (let at = 0; at < size; ) {
    const length = Math.min(CHUNK, size - at)
    const { buffer, bytesRead } = await handle.read(Buffer.allocUnsafe(length), 0, length, at)
    if (bytesRead === 0) break
    at += bytesRead
    let from = 0
    for (
      let end = buffer.indexOf(NEWLINE);
      end !== -1 && end < bytesRead;
      end = buffer.indexOf(NEWLINE, from)
    ) {
      parts.push(buffer.subarray(from, end))
      take(Buffer.concat(parts).toString())
      parts.length = 0
      from = end + 1
    }
    if (from < bytesRead) parts.push(buffer.subarray(from, bytesRead))
    await between?.()
  }
  return Buffer.concat(parts)
}
