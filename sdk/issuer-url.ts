const LOOPBACK_HOSTS: ReadonlySet<string> = new Set(['localhost', '127.0.0.1', '[::1]'])

/**
 * The address under which everything of the issuer is fetched: the issuer without a slash at its end.
 * @throws TypeError when the issuer is not an https URL, or http on a loopback host, without query and credentials
 */
export function issuerBase(issuer: string): string {
  const url = URL.canParse(issuer) ? new URL(issuer) : undefined
  const secure = url?.protocol === 'https:' || (url?.protocol === 'http:' && LOOPBACK_HOSTS.has(url.hostname))
  if (url === undefined || !secure) throw new TypeError('issuer must be an https URL, or http on a loopback host')
  if (/[?#\s]/.test(issuer) || url.username !== '' || url.password !== '') {
    throw new TypeError('issuer must have no query, fragment, credentials or white space')
  }
  return issuer.replace(/\/$/, '')
}
