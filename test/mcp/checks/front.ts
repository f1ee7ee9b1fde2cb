/** A door to `/mcp` for tools that cannot be given a token: it adds it, and tells Host and Origin as they came. */
import http from 'node:http'
import type { AddressInfo } from 'node:net'

export interface Front {
  readonly url: string
  close(): void
}

export async function frontOf(daemon: string, token: string): Promise<Front> {
  const { port } = new URL(daemon)
  const server = http.createServer((request, response) => {
    const own = `:${(server.address() as AddressInfo).port}`
    const { host = '', origin } = request.headers
    const headers = {
      ...request.headers,
      authorization: `Bearer ${token}`,
      host: host.replace(own, `:${port}`),
      ...(origin !== undefined && { origin: origin.replace(own, `:${port}`) }),
    }
    const { url, method } = request
    const onward = http.request({ host: '127.0.0.1', port, path: url, method, headers }, (answer) => {
      response.writeHead(answer.statusCode ?? 502, answer.headers)
      answer.pipe(response)
    })
    onward.on('error', () => response.destroy())
    response.on('close', () => onward.destroy())
    request.pipe(onward)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}/mcp`,
    close() {
      server.close()
      server.closeAllConnections()
    },
  }
}
