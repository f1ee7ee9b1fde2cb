/** The only part of the page that knows what time it is, and when to draw. */

export const wallNow = (): number => Date.now()

export const after = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms))

/** Draws at most once a frame, however often it is asked; and once a second, for what says how long ago something was. */
export function drawing(draw: () => void): () => void {
  let asked = false
  const ask = (): void => {
    if (asked) return
    asked = true
    requestAnimationFrame(() => {
      asked = false
      draw()
    })
  }
  setInterval(ask, 1_000)
  return ask
}
