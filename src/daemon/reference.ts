/** The table of the README that is made from the routes: `npm run docs` writes it, a test holds it equal. */
import { table } from '../observe/reference.ts'
import { ROUTES } from './app.ts'

export const daemonSections = (): Record<string, string> => ({
  routes: table(
    ['', 'path', 'meaning'],
    ROUTES.map(({ method, path, summary }) => [method.toUpperCase(), `\`${path}\``, summary]),
  ),
})
