/** What Graphviz's SVG lacks to stand on a page of any colour: a rounded ground, and names larger than their gloss. */

const GROUND = '#ffffff'
const FONTS = "Helvetica, Arial, 'Liberation Sans', 'DejaVu Sans', sans-serif"

/** Takes what Graphviz rendered from `dotOf`, returns what is kept. */
export function framed(svg: string): string {
  return svg
    .replace(/<polygon fill="white"[^>]*points="([^"]*)"\/>/, (_, points: string) => ground(points))
    .replaceAll(/<g id="[^"]*" class="node">[\s\S]*?<\/g>/g, emphasised)
    .replaceAll('font-family="Helvetica,sans-Serif"', `font-family="${FONTS}"`)
    .replaceAll(/<!--[\s\S]*?-->\n?/g, '')
}

function ground(points: string): string {
  const corners = points
    .trim()
    .split(' ')
    .map((point) => point.split(',').map(Number))
  const xs = corners.map(([x = 0]) => x)
  const ys = corners.map(([, y = 0]) => y)
  const [left, top] = [Math.min(...xs), Math.min(...ys)]
  const [width, height] = [Math.max(...xs) - left, Math.max(...ys) - top]
  return `<rect x="${left}" y="${top}" width="${width}" height="${height}" rx="12" fill="${GROUND}"/>`
}

/** The first line of a node is its name. */
const emphasised = (node: string): string =>
  node.replace(/<text (.*?) font-size="[\d.]+"/, '<text $1 font-size="13.00" font-weight="bold"')
