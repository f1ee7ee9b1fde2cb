/**
 * Whatever an actor holds, as plain data of a bounded size: cycles are named, what throws when it is read says so, and
 * what is more than anyone looks at is counted. Nothing of it is called: no `toJSON`, no method; a getter that throws
 * spoils its own field alone.
 */

export interface Bounds {
  readonly depth: number
  /** Of one list, map or object. */
  readonly width: number
  /** Of all together. */
  readonly nodes: number
  /** Characters of one text. */
  readonly text: number
}

export const BOUNDS: Bounds = { depth: 8, width: 100, nodes: 1_000, text: 2_000 }

/** Plain data that `JSON.stringify` takes, whatever was given. Never throws. */
export const bounded = (value: unknown, bounds: Bounds = BOUNDS): unknown =>
  new Copy(bounds).of(value, bounds.depth)

class Copy {
  readonly #bounds: Bounds
  /** What lies around the place that is copied. */
  readonly #around = new Set<object>()
  #left: number

  constructor(bounds: Bounds) {
    this.#bounds = bounds
    this.#left = bounds.nodes
  }

  of(value: unknown, depth: number): unknown {
    this.#left -= 1
    switch (typeof value) {
      case 'string':
        return this.#text(value)
      case 'number':
        return Number.isFinite(value) ? value : String(value)
      case 'boolean':
      case 'undefined':
        return value
      case 'bigint':
        return this.#text(`${value}n`)
      case 'symbol':
        return this.#text(String(value))
      case 'function':
        return { type: this.#read(() => this.#text(String(value.name))) }
      case 'object':
        return value === null ? null : this.#read(() => this.#object(value, depth))
    }
  }

  /** A proxy or a getter may throw whatever it likes. */
  #read(read: () => unknown): unknown {
    try {
      return read()
    } catch (cause) {
      return `[throws: ${this.#text(reasonOf(cause))}]`
    }
  }

  #object(value: object, depth: number): unknown {
    if (this.#around.has(value)) return '[cyclic]'
    if (value instanceof Date) return Number.isNaN(value.getTime()) ? '[no date]' : value.toISOString()
    if (ArrayBuffer.isView(value) || value instanceof ArrayBuffer) return `[${value.byteLength} bytes]`
    if (value instanceof RegExp) return this.#text(String(value))
    if (value instanceof Error)
      return { name: this.#text(String(value.name)), message: this.#text(String(value.message)) }
    if (isActor(value)) return { actor: value.sessionId }
    if (depth <= 0) return '[deeper]'
    this.#around.add(value)
    try {
      if (Array.isArray(value)) return this.#list(value, value.length, depth)
      if (value instanceof Set) return this.#list(value, value.size, depth)
      if (value instanceof Map) return this.#fields(value, value.size, depth)
      return this.#fields(fieldsOf(value), undefined, depth)
    } finally {
      this.#around.delete(value)
    }
  }

  #list(items: Iterable<unknown>, size: number, depth: number): unknown[] {
    const copies: unknown[] = []
    for (const item of items) {
      if (this.#full(copies.length)) {
        copies.push(`[${size - copies.length} more]`)
        break
      }
      copies.push(this.of(item, depth - 1))
    }
    return copies
  }

  #fields(
    fields: Iterable<readonly [unknown, unknown]>,
    size: number | undefined,
    depth: number,
  ): Record<string, unknown> {
    const copy: Record<string, unknown> = {}
    let count = 0
    for (const [key, value] of fields) {
      if (this.#full(count)) {
        copy['…'] = size === undefined ? '[more]' : `[${size - count} more]`
        break
      }
      count += 1
      const name = typeof key === 'string' ? key : String(this.of(key, 0))
      const of =
        value instanceof Getter
          ? this.#read(() => this.of(value.get(), depth - 1))
          : this.of(value, depth - 1)
      // `__proto__` as a name is a field like any other.
      Object.defineProperty(copy, this.#text(name), {
        value: of,
        enumerable: true,
        configurable: true,
        writable: true,
      })
    }
    return copy
  }

  #full(count: number): boolean {
    return count >= this.#bounds.width || this.#left <= 0
  }

  #text(text: string): string {
    const { text: most } = this.#bounds
    return text.length <= most ? text : `${text.slice(0, most)}… [${text.length - most} more characters]`
  }
}

/** A field that is read when it is copied, for it may throw. */
class Getter {
  readonly get: () => unknown

  constructor(get: () => unknown) {
    this.get = get
  }
}

function* fieldsOf(value: object): Generator<readonly [string, Getter]> {
  for (const key in value)
    if (Object.hasOwn(value, key)) yield [key, new Getter(() => (value as Record<string, unknown>)[key])]
}

/** An actor inside a context is named, not told anew: its own snapshots tell it. */
const isActor = (value: object): value is { sessionId: string } =>
  'sessionId' in value && typeof value.sessionId === 'string' && 'send' in value && 'getSnapshot' in value

function reasonOf(cause: unknown): string {
  try {
    return cause instanceof Error ? String(cause.message) : String(cause)
  } catch {
    return 'something that cannot be told either'
  }
}
