/** What a system call of the simulated machine says when it refuses. */
export class SystemError extends Error {
  readonly code: string
  constructor(code: string, what = '') {
    super(`${code}, simulated${what && `: ${what}`}`)
    this.code = code
  }
}
