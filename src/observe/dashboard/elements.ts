/** Making what is shown. Names and messages are anybody's: they become text, and never anything else. */

type Child = Node | string

/** `text` as it is; attributes that are `undefined` are left out. */
export function element<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  attributes: Readonly<Record<string, string | undefined>> = {},
  ...children: readonly Child[]
): HTMLElementTagNameMap[K] {
  const made = document.createElement(tag)
  for (const [name, value] of Object.entries(attributes))
    if (value !== undefined) made.setAttribute(name, value)
  made.append(...children)
  return made
}

export function found<T extends Element = HTMLElement>(id: string): T {
  const known = document.getElementById(id)
  if (!known) throw new Error(`the page has no #${id}`)
  return known as unknown as T
}

/** Writes only what has changed: the browser then has nothing to do. */
export function say(of: Element, text: string): void {
  if (of.textContent !== text) of.textContent = text
}

/** What turns the writing's direction, or shows nothing, in a name: its place is shown in its stead. */
export const plain = (text: string): string =>
  text.replaceAll(/[\p{Cc}\u200B-\u200F\u2028-\u202E\u2060-\u2069\uFEFF]/gu, '\uFFFD')
