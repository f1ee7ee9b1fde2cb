/** The token of this inspector: in the address behind the `#`, which a browser sends to nobody. */

/** Taken out of the address at once, kept for as long as this tab is there: a reload works, a screenshot tells nothing. */
export function takeToken(): string | undefined {
  const given = new URLSearchParams(location.hash.slice(1)).get('token')
  if (given === null) return sessionStorage.getItem('token') ?? undefined
  sessionStorage.setItem('token', given)
  history.replaceState(null, '', location.pathname)
  return given
}
