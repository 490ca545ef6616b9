import { type Form, type Link, parseHtml } from './html-forms.ts'

/** A browser without script, layout or window: it keeps cookies, follows redirects and submits HTML forms. */

export interface FormBrowserOptions {
  readonly fetch?: typeof fetch
  readonly acceptLanguage?: string
  /** Redirects followed for one request; the next one is an error. */
  readonly maxRedirects?: number
  /** A redirect to such an address is reported, not requested: the page has its `url` and the redirect's status. */
  readonly stopAt?: (url: URL) => boolean
  /** Milliseconds since the epoch, for the expiry of cookies. */
  readonly nowMs?: () => number
}

export interface Page {
  readonly url: URL
  readonly status: number
  readonly headers: Headers
  readonly body: string
  readonly forms: readonly Form[]
  readonly links: readonly Link[]
}

interface Cookie {
  readonly name: string
  readonly value: string
  readonly domain: string
  readonly hostOnly: boolean
  readonly path: string
  readonly secure: boolean
  readonly expiresAtMs: number
}

const BODY_LIMIT = 5 * 1024 * 1024
const TIMEOUT_MS = 15_000
const REDIRECTS = new Set([301, 302, 303, 307, 308])

export class FormBrowser {
  readonly #options: FormBrowserOptions
  readonly #cookies = new Map<string, Cookie>()

  constructor(options: FormBrowserOptions = {}) {
    this.#options = options
  }

  get(url: string | URL): Promise<Page> {
    return this.#request(new URL(url), 'GET', undefined, undefined)
  }

  /**
   * Fills and submits a form of a page. `button` is the text or the name of the button pressed, else the first one.
   * Throws for a field or a button which the form does not have.
   */
  submit(page: Page, form: Form, fields: Readonly<Record<string, string>> = {}, button?: string): Promise<Page> {
    for (const name of Object.keys(fields)) {
      if (!form.controls.has(name)) throw new Error(`the form at ${page.url.href} has no field ${name}`)
    }
    const data = new URLSearchParams()
    for (const [name, value] of form.controls) {
      const filled = fields[name] ?? value
      if (filled !== undefined) data.append(name, filled)
    }
    const pressed = form.buttons.find(b => button === undefined || b.text === button || b.name === button)
    if (button !== undefined && !pressed) throw new Error(`the form at ${page.url.href} has no button ${button}`)
    if (pressed?.name) data.append(pressed.name, pressed.value)
    const action = pressed?.action === undefined ? new URL(form.action) : new URL(pressed.action, page.url)
    if (form.method === 'POST') return this.#request(action, 'POST', data, page.url)
    action.search = data.toString()
    return this.#request(action, 'GET', undefined, page.url)
  }

  /** Cookies that a request to this address would carry, by name. */
  cookiesFor(url: string | URL): ReadonlyMap<string, string> {
    const target = new URL(url)
    const now = (this.#options.nowMs ?? Date.now)()
    const local = target.hostname === 'localhost' || target.hostname.endsWith('.localhost')
    const sent = [...this.#cookies.values()]
      .filter(c => c.expiresAtMs > now && domainMatches(target.hostname, c) && pathMatches(target.pathname, c.path))
      .filter(c => !c.secure || target.protocol === 'https:' || local)
      // RFC 6265 section 5.4: longer paths first.
      .sort((a, b) => b.path.length - a.path.length)
    return new Map(sent.toReversed().map(c => [c.name, c.value]))
  }

  async #request(start: URL, verb: 'GET' | 'POST', form: URLSearchParams | undefined, from: URL | undefined) {
    const { fetch: send = fetch, maxRedirects = 20, stopAt = () => false, acceptLanguage } = this.#options
    let [url, method, body] = [start, verb, form]
    for (let redirects = 0; redirects <= maxRedirects; redirects++) {
      const headers = new Headers({ accept: 'text/html,application/xhtml+xml,*/*;q=0.8' })
      if (acceptLanguage !== undefined) headers.set('accept-language', acceptLanguage)
      const cookies = [...this.cookiesFor(url)].map(([name, value]) => `${name}=${value}`)
      if (cookies.length > 0) headers.set('cookie', cookies.join('; '))
      if (method === 'POST' && from) headers.set('origin', from.origin)
      const signal = AbortSignal.timeout(TIMEOUT_MS)
      const response = await send(url, { method, headers, redirect: 'manual', signal, ...(body ? { body } : {}) })
      for (const line of response.headers.getSetCookie()) this.#keep(url, line)
      const text = await response.text()
      if (text.length > BODY_LIMIT) throw new Error(`the page at ${url.href} is too large`)
      const location = REDIRECTS.has(response.status) ? response.headers.get('location') : null
      if (location === null) return pageOf(url, response, text)
      const next = new URL(location, url)
      if (stopAt(next)) return pageOf(next, response, '')
      // Browsers turn a redirected POST into a GET, except for 307 and 308.
      if (response.status !== 307 && response.status !== 308) [method, body] = ['GET', undefined]
      url = next
    }
    throw new Error(`more than ${maxRedirects} redirects from ${start.href}`)
  }

  /** Storage model of RFC 6265 section 5.3. Ports play no part in it; SameSite is not looked at. */
  #keep(url: URL, line: string) {
    const [pair = '', ...rest] = line.split(';')
    const equals = pair.indexOf('=')
    if (equals < 1) return
    const attributes = new Map(rest.map(part => attributeOf(part)))
    const domain = attributes.get('domain')?.replace(/^\./, '').toLowerCase() || undefined
    if (domain !== undefined && !domainMatches(url.hostname, { domain, hostOnly: false })) return
    const path = attributes.get('path')
    const maxAge = attributes.get('max-age')
    const expires = Date.parse(attributes.get('expires') ?? '')
    const now = (this.#options.nowMs ?? Date.now)()
    const cookie: Cookie = {
      name: pair.slice(0, equals).trim(),
      value: pair.slice(equals + 1).trim(),
      domain: domain ?? url.hostname,
      hostOnly: domain === undefined,
      path: path?.startsWith('/') ? path : url.pathname.slice(0, url.pathname.lastIndexOf('/')) || '/',
      secure: attributes.has('secure'),
      expiresAtMs:
        maxAge !== undefined && /^-?\d+$/.test(maxAge)
          ? now + Number(maxAge) * 1000
          : Number.isNaN(expires)
            ? Number.POSITIVE_INFINITY
            : expires,
    }
    const key = JSON.stringify([cookie.name, cookie.domain, cookie.path])
    if (cookie.expiresAtMs > now) this.#cookies.set(key, cookie)
    else this.#cookies.delete(key)
  }
}

function attributeOf(part: string): [string, string] {
  const [name = '', ...value] = part.split('=')
  return [name.trim().toLowerCase(), value.join('=').trim()]
}

function domainMatches(host: string, { domain, hostOnly }: Pick<Cookie, 'domain' | 'hostOnly'>): boolean {
  return host === domain || (!hostOnly && host.endsWith(`.${domain}`))
}

function pathMatches(path: string, cookiePath: string): boolean {
  return path === cookiePath || path.startsWith(cookiePath.endsWith('/') ? cookiePath : `${cookiePath}/`)
}

function pageOf(url: URL, response: Response, body: string): Page {
  const { status, headers } = response
  const html = /^text\/html\b/i.test(headers.get('content-type') ?? '')
  return { url, status, headers, body, ...(html ? parseHtml(body, url) : { forms: [], links: [] }) }
}
