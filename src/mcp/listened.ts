/** What a client of the newer protocol listens to: said in a request, and taken back by cancelling it. */
import type { JSONRPCMessage } from '@modelcontextprotocol/server'

/** The resources that a `subscriptions/listen` names; `undefined`: it is none. */
export function listenedTo(message: unknown): readonly string[] | undefined {
  const { method, params } = (message ?? {}) as { method?: unknown; params?: Record<string, unknown> }
  if (method !== 'subscriptions/listen') return undefined
  const { resourceSubscriptions } = (params?.notifications ?? {}) as { resourceSubscriptions?: unknown }
  const uris = Array.isArray(resourceSubscriptions) ? resourceSubscriptions : []
  return uris.filter((uri): uri is string => typeof uri === 'string')
}

/** The id of the request that is taken back. */
export function cancelledId(message: JSONRPCMessage): unknown {
  if (!('method' in message) || message.method !== 'notifications/cancelled') return undefined
  return (message.params as { requestId?: unknown } | undefined)?.requestId
}
