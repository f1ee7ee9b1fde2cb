/** Stately's own user interface, in a frame, told what our WebSocket tells. */
import { takeToken } from './token.ts'

const VIEWER = 'https://stately.ai'
/** Until the interface is there. What comes beyond it is asked for anew, from the present state on. */
const MAX_WAITING = 20_000

const frame = document.getElementById('viewer') as HTMLIFrameElement
const said = document.getElementById('said') as HTMLElement
const say = (text: string): void => {
  said.textContent = text
}

function follow(token: string): void {
  let waiting: unknown[] = []
  let there = false
  const show = (told: unknown): void => frame.contentWindow?.postMessage(told, VIEWER)
  addEventListener('message', ({ source, origin, data }) => {
    if (source !== frame.contentWindow || origin !== VIEWER || data?.type !== '@statelyai.connected') return
    there = true
    for (const told of waiting) show(told)
    waiting = []
    said.hidden = true
  })
  const socket = new WebSocket(`ws://${location.host}/v1/inspection?token=${encodeURIComponent(token)}`)
  socket.addEventListener('open', () => say(`Loading the interface from ${VIEWER} …`))
  socket.addEventListener('message', ({ data }) => {
    const told: unknown = JSON.parse(data)
    if (there) show(told)
    else if (waiting.length < MAX_WAITING) waiting.push(told)
    else socket.close()
  })
  socket.addEventListener('close', ({ reason }) => {
    said.hidden = false
    say(`Nothing is told any more: ${reason || 'the connection is closed'}. Reload to begin anew.`)
  })
  frame.src = `${VIEWER}/inspect`
}

const token = takeToken()
if (token === undefined) say('The address has no token. Open the one that reeve inspect printed.')
else follow(token)
