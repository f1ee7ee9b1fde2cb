/** The agents as names that can be typed: `coder` where that is free, `agents['my-agent']` always. */
import type { REPLServer } from 'node:repl'
import type { AgentHandle, Reeve } from '../reeve.ts'

const IDENTIFIER = /^[A-Za-z_$][\w$]*$/

export class Names {
  readonly #reeve: Reeve
  readonly #server: REPLServer
  /** The getters that stand in the context: what is not among them is the user's. */
  readonly #getters = new WeakSet<() => unknown>()
  readonly #handles = new Map<string, AgentHandle>()
  /** What stood in the context before any agent did is never covered by one. */
  readonly #reserved: ReadonlySet<string>
  readonly #agents: Record<string, AgentHandle> = Object.create(null) as Record<string, AgentHandle>

  constructor(reeve: Reeve, server: REPLServer, reserved: Iterable<string>) {
    this.#reeve = reeve
    this.#server = server
    this.#reserved = new Set([...reserved, ...KEYWORDS])
    Object.defineProperty(server.context, 'agents', {
      value: this.#agents,
      enumerable: true,
      writable: false,
    })
  }

  /** All that have not ended, and those that ended while the REPL ran. */
  known(): string[] {
    return [...this.#handles.keys()]
  }

  async learnAll(): Promise<void> {
    for (const { name } of await this.#reeve.list()) await this.learn(name)
  }

  /** A name that is taken anew leads to its new bearer. */
  async learn(name: string): Promise<void> {
    const handle = await this.#reeve.get(name)
    if (!handle) return
    this.#handles.set(name, handle)
    this.#agents[name] = handle
    if (!IDENTIFIER.test(name) || this.#reserved.has(name)) return
    const { context } = this.#server
    const own = Object.getOwnPropertyDescriptor(context, name)
    // The user's own variable of that name stays theirs.
    if (own && !(own.get && this.#getters.has(own.get))) return
    const get = (): AgentHandle | undefined => this.#handles.get(name)
    this.#getters.add(get)
    const set = (value: unknown): void => {
      Object.defineProperty(context, name, { value, writable: true, configurable: true, enumerable: true })
    }
    Object.defineProperty(context, name, { get, set, configurable: true, enumerable: true })
  }
}

const KEYWORDS =
  'arguments await break case catch class const continue debugger default delete do else enum eval export extends false finally for function if implements import in instanceof interface let new null package private protected public return static super switch this throw true try typeof undefined var void while with yield'.split(
    ' ',
  )
