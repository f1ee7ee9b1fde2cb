/** The machine of an agent's life as it is drawn in `diagrams/`, with the present state lit and the last edge traced. */
import type { AgentState } from '../../../machines/events.ts'
import { AGENT_TONES } from '../tones.ts'

const isState = (text: string): text is AgentState => Object.hasOwn(AGENT_TONES, text)

export class Machine {
  readonly #nodes = new Map<string, Element>()
  readonly #edges = new Map<string, Element>()
  #lit = ''

  /** Puts the picture into the box. */
  async into(box: Element): Promise<void> {
    const picture = await pictureAt('/machine.svg')
    for (const each of picture.querySelectorAll('g.node, g.edge')) this.#learn(each)
    for (const attribute of ['width', 'height']) picture.removeAttribute(attribute)
    // A title is shown as a tip, and those of Graphviz say nothing to a reader.
    for (const title of picture.querySelectorAll('title')) title.remove()
    picture.setAttribute('role', 'img')
    picture.setAttribute('aria-labelledby', 'standing')
    box.replaceChildren(picture)
  }

  /** `from`: the state before, where it is known and another one. */
  light(state: AgentState, from: AgentState | null): void {
    const wanted = `${from ?? 'start'}->${state}`
    if (wanted === this.#lit) return
    this.#lit = wanted
    for (const [name, node] of this.#nodes) {
      node.classList.toggle('lit', name === state)
      node.classList.toggle('left', name === from)
    }
    for (const [name, edge] of this.#edges) {
      const traced = name === wanted
      edge.classList.toggle('traced', traced)
      // What lies on top is drawn last.
      if (traced) edge.parentNode?.append(edge)
    }
  }

  #learn(each: Element): void {
    // An arrow may name the side of a state that it comes to: `restarting->spawning:ne`.
    const name = (each.querySelector('title')?.textContent ?? '').replaceAll(/:\w+/g, '')
    if (each.classList.contains('node')) this.#nodes.set(name, each)
    else this.#edges.set(name, each)
    const to = name.includes('->') ? (name.split('->')[1] ?? '') : name
    if (isState(to)) each.setAttribute('data-tone', AGENT_TONES[to])
  }
}

/** As a document of its own: no text becomes markup. */
function pictureAt(path: string): Promise<SVGSVGElement> {
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    request.open('GET', path)
    request.responseType = 'document'
    request.addEventListener('load', () => {
      const root = request.responseXML?.documentElement
      if (root) resolve(document.importNode(root, true) as unknown as SVGSVGElement)
      else reject(new Error(`${path} is no picture`))
    })
    request.addEventListener('error', () => reject(new Error(`${path} was not answered`)))
    request.send()
  })
}
