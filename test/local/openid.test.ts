import { once } from 'node:events'
import { createServer, request as httpRequest, type IncomingMessage, type Server } from 'node:http'
import type { AddressInfo } from 'node:net'
import { json } from 'node:stream/consumers'
import * as client from 'openid-client'
import { afterAll, afterEach, beforeAll, expect, test, vi } from 'vitest'
import { demoAccounts } from '../../functions/local/accounts.ts'
import { FormBrowser, type Page } from '../../functions/local/form-browser.ts'
import type { Form } from '../../functions/local/html-forms.ts'
import { type OpenidProvider, openidProvider } from '../../functions/local/openid.ts'
import { memoryAdapter } from '../../functions/local/openid-adapter.ts'

const CALLBACK = 'http://localhost:9/link/youku/callback'
const OTHER = { client_id: 'other', client_secret: 'other-secret', redirect_uris: ['http://localhost:9/other'] }
const TESSERA = {
  client_id: 'tessera',
  client_secret: 'tessera-secret',
  redirect_uris: [CALLBACK],
  post_logout_redirect_uris: ['http://localhost:9/bye'],
  client_name: 'Tessera <test>',
}
const known = new Map([
  ['u-paid', { name: '林', paidUntil: '2027-01-01T00:00:00Z' }],
  ['finance', { roles: ['finance'] }],
])
const stopAt = (url: URL) => url.port === '9'

interface Running {
  readonly provider: OpenidProvider
  readonly server: Server
  readonly relyingParty: client.Configuration
}
const faults: unknown[] = []
const warnings = [vi.spyOn(console, 'warn'), vi.spyOn(console, 'info')]

async function start(id: string): Promise<Running> {
  let provider: OpenidProvider | undefined
  const server = createServer((request, response) => {
    const path = new URL(request.url ?? '/', 'http://localhost').pathname
    if (!provider) response.destroy()
    else if (path === '/own') void provider.signedIn(request).then(account => response.end(account ?? 'nobody'))
    else void provider.listener(request, response)
  })
  await new Promise<void>(done => server.listen(0, 'localhost', done))
  const issuer = `http://localhost:${(server.address() as AddressInfo).port}`
  provider = openidProvider({
    issuer,
    accounts: demoAccounts(known),
    clients: [TESSERA, OTHER],
    display: { id, name: { 'zh-CN': '优酷', en: `Demo ${id}` }, colour: '#ffcc00' },
    report: fault => faults.push(fault),
  })
  const relyingParty = await client.discovery(
    new URL(issuer),
    TESSERA.client_id,
    { id_token_signed_response_alg: 'ES256' },
    client.ClientSecretBasic(TESSERA.client_secret),
    { execute: [client.allowInsecureRequests] },
  )
  return { provider, server, relyingParty }
}

let youku: Running
let xiami: Running
beforeAll(async () => {
  youku = await start('youku')
  xiami = await start('xiami')
})
afterAll(async () => {
  for (const { server } of [youku, xiami]) {
    server.closeAllConnections()
    await new Promise(done => server.close(done))
  }
  // Set up by configuration, oidc-provider has nothing to warn of.
  for (const spy of warnings) expect(spy).not.toHaveBeenCalled()
})
afterEach(() => {
  expect(faults.splice(0)).toEqual([])
})

function only(page: Page): Form {
  const [form, ...more] = page.forms
  if (!form || more.length > 0) throw new Error(`expected one form: ${page.status} ${page.body}`)
  return form
}

async function request({ relyingParty }: Running, extra: Record<string, string> = {}) {
  const verifier = client.randomPKCECodeVerifier()
  const checks = {
    pkceCodeVerifier: verifier,
    expectedState: client.randomState(),
    expectedNonce: client.randomNonce(),
  }
  const parameters = {
    redirect_uri: CALLBACK,
    scope: 'openid profile membership roles',
    code_challenge: await client.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
    state: checks.expectedState,
    nonce: checks.expectedNonce,
    ...extra,
  }
  return { parameters, checks, url: client.buildAuthorizationUrl(relyingParty, parameters) }
}

async function signIn(at: Running, login: string, browser = new FormBrowser({ stopAt }), extra = {}) {
  const { url, checks } = await request(at, extra)
  const form = await browser.get(url)
  const back = await browser.submit(form, only(form), { login, password: 'demo' })
  return { back, checks, browser }
}

test('a person signs in; ID token and userinfo carry name and paidUntil, and the answer names the issuer', async () => {
  const { back, checks } = await signIn(youku, 'u-paid')
  expect(back.url.searchParams.get('iss')).toBe(youku.provider.issuer)
  const tokens = await client.authorizationCodeGrant(youku.relyingParty, back.url, { ...checks, idTokenExpected: true })
  const claims = { sub: 'u-paid', name: '林', paidUntil: '2027-01-01T00:00:00Z' }
  expect(tokens.claims()).toMatchObject(claims)
  expect(tokens.claims()).not.toHaveProperty('roles')
  expect(await client.fetchUserInfo(youku.relyingParty, tokens.access_token, 'u-paid')).toEqual(claims)
})

test('staff carry roles, only where the scope is asked for', async () => {
  const asked = await signIn(youku, 'finance')
  const staff = await client.authorizationCodeGrant(youku.relyingParty, asked.back.url, asked.checks)
  expect(staff.claims()?.['roles']).toEqual(['finance'])
  const unasked = await signIn(youku, 'finance', new FormBrowser({ stopAt }), { scope: 'openid' })
  const plain = await client.authorizationCodeGrant(youku.relyingParty, unasked.back.url, unasked.checks)
  expect(plain.claims()).not.toHaveProperty('roles')
  expect(plain.claims()).not.toHaveProperty('name')
})

test('a pushed authorization request works the same', async () => {
  const { parameters, checks } = await request(youku)
  const browser = new FormBrowser({ stopAt })
  const page = await browser.get(await client.buildAuthorizationUrlWithPAR(youku.relyingParty, parameters))
  const back = await browser.submit(page, only(page), { login: 'u-1', password: 'demo' })
  const tokens = await client.authorizationCodeGrant(youku.relyingParty, back.url, checks)
  expect(tokens.claims()?.sub).toBe('u-1')
})

test.each([
  ['u-1', 'wrong'],
  ['<script>', 'demo'],
  ['a'.repeat(65), 'demo'],
])(
  'login %s with password %s is refused on the same form, which keeps the login; then the right one works',
  async (login, password) => {
    const browser = new FormBrowser({ stopAt })
    const page = await browser.get((await request(youku)).url)
    const refused = await browser.submit(page, only(page), { login, password })
    expect(refused.status).toBe(401)
    expect(refused.body).toContain('role="alert"')
    expect(refused.body).not.toContain('<script')
    expect(only(refused).controls.get('login')).toBe(login.slice(0, 64))
    expect(only(refused).controls.get('password')).toBe('')
    const back = await browser.submit(refused, only(refused), { login: 'u-1', password: 'demo' })
    expect(back.url.searchParams.get('code')).toBeTruthy()
  },
)

test('Cancel goes back to the client with access_denied, state and iss', async () => {
  const { url, checks } = await request(youku)
  const browser = new FormBrowser({ stopAt })
  const page = await browser.get(url)
  const back = await browser.submit(page, only(page), {}, 'Cancel')
  expect(`${back.url.origin}${back.url.pathname}`).toBe(CALLBACK)
  expect(Object.fromEntries(back.url.searchParams)).toMatchObject({
    error: 'access_denied',
    state: checks.expectedState,
    iss: youku.provider.issuer,
  })
  expect(back.url.searchParams.has('code')).toBe(false)
})

test('a wrong PKCE verifier, and a second use of a code, are refused', async () => {
  const first = await signIn(youku, 'u-1')
  const wrong = { ...first.checks, pkceCodeVerifier: client.randomPKCECodeVerifier() }
  await expect(client.authorizationCodeGrant(youku.relyingParty, first.back.url, wrong)).rejects.toMatchObject({
    error: 'invalid_grant',
  })
  const second = await signIn(youku, 'u-1')
  await client.authorizationCodeGrant(youku.relyingParty, second.back.url, second.checks)
  await expect(client.authorizationCodeGrant(youku.relyingParty, second.back.url, second.checks)).rejects.toMatchObject(
    { error: 'invalid_grant' },
  )
})

test('a request without PKCE, or with plain, is refused', async () => {
  const { url } = await request(youku)
  url.searchParams.set('code_challenge_method', 'plain')
  const plain = await new FormBrowser({ stopAt }).get(url)
  expect(plain.url.searchParams.get('error')).toBe('invalid_request')
  url.searchParams.delete('code_challenge_method')
  url.searchParams.delete('code_challenge')
  const none = await new FormBrowser({ stopAt }).get(url)
  expect(none.url.searchParams.get('error')).toBe('invalid_request')
})

test('an unregistered redirect_uri gets a page with a next step and no redirect', async () => {
  const { url } = await request(youku, { redirect_uri: 'http://localhost:9/evil' })
  const page = await new FormBrowser({ stopAt }).get(url)
  expect(page.status).toBe(400)
  expect(page.url.origin).toBe(youku.provider.issuer)
  expect(page.body).toContain('<code>invalid_redirect_uri</code>')
  expect(page.links.map(link => link.href.pathname)).toEqual(['/'])
})

test('a sign-in form opened in another browser is a page, not a sign-in', async () => {
  const page = await new FormBrowser({ stopAt }).get((await request(youku)).url)
  const stranger = await new FormBrowser({ stopAt }).submit(page, only(page), { login: 'u-1', password: 'demo' })
  expect(stranger.status).toBe(400)
  expect(stranger.body).toContain('<code>session_not_found</code>')
})

test('two providers on one host keep separate sessions in one browser', async () => {
  const { browser } = await signIn(youku, 'u-1')
  await signIn(xiami, 'u-2', browser)
  expect((await browser.get(`${youku.provider.issuer}/own`)).body).toBe('u-1')
  expect((await browser.get(`${xiami.provider.issuer}/own`)).body).toBe('u-2')
  const silent = await browser.get((await request(youku)).url)
  expect(silent.url.searchParams.has('code')).toBe(true)
  expect((await new FormBrowser().get(`${youku.provider.issuer}/own`)).body).toBe('nobody')
})

test('prompt=login asks again with the login_hint filled in, and another account takes over the session', async () => {
  const { browser } = await signIn(youku, 'u-1')
  const { url, checks } = await request(youku, { prompt: 'login', login_hint: 'u-2' })
  const page = await browser.get(url)
  expect(only(page).controls.get('login')).toBe('u-2')
  const back = await browser.submit(page, only(page), { password: 'demo' })
  const tokens = await client.authorizationCodeGrant(youku.relyingParty, back.url, checks)
  expect(tokens.claims()?.sub).toBe('u-2')
  expect((await browser.get(`${youku.provider.issuer}/own`)).body).toBe('u-2')
})

test('prompt=consent and prompt=none need no further page', async () => {
  const { browser } = await signIn(youku, 'u-1')
  const consent = await browser.get((await request(youku, { prompt: 'consent' })).url)
  expect(consent.url.searchParams.has('code')).toBe(true)
  const none = await new FormBrowser({ stopAt }).get((await request(youku, { prompt: 'none' })).url)
  expect(none.url.searchParams.get('error')).toBe('login_required')
})

test("the platform's own sign-in makes the same session, comes back to a path of its own only, and signs out", async () => {
  const { issuer, signInPath, signOutPath } = youku.provider
  const browser = new FormBrowser({ stopAt })
  const page = await browser.get(issuer + signInPath('/own'))
  expect((await browser.submit(page, only(page), { login: 'u-1', password: 'no' })).status).toBe(401)
  const own = await browser.submit(page, only(page), { login: 'u-1', password: 'demo' })
  expect([own.url.pathname, own.body]).toEqual(['/own', 'u-1'])
  expect((await browser.get((await request(youku)).url)).url.searchParams.has('code')).toBe(true)

  for (const elsewhere of ['http://localhost:9/', '//localhost:9/', '/\\localhost:9', '/.//localhost:9']) {
    const form = await browser.get(issuer + signInPath(elsewhere))
    const back = await browser.submit(form, only(form), {}, 'cancel')
    expect(back.url.href).toBe(`${issuer}/`)
  }
  const ask = await browser.get(issuer + signOutPath)
  const bye = await browser.submit(ask, only(ask), {}, 'Sign out')
  expect(bye.status).toBe(200)
  expect(bye.body).toContain('You are signed out')
  expect((await browser.get(`${issuer}/own`)).body).toBe('nobody')
})

test('a client sends a person to sign out and has it back', async () => {
  const { back, checks, browser } = await signIn(youku, 'u-1')
  const tokens = await client.authorizationCodeGrant(youku.relyingParty, back.url, checks)
  const url = client.buildEndSessionUrl(youku.relyingParty, {
    post_logout_redirect_uri: 'http://localhost:9/bye',
    id_token_hint: tokens.id_token ?? '',
    state: 's1',
  })
  const ask = await browser.get(url)
  const stay = await browser.submit(ask, only(ask), {}, 'Stay signed in')
  expect(stay.url.href).toBe('http://localhost:9/bye?state=s1')
  expect((await browser.get(`${youku.provider.issuer}/own`)).body).toBe('u-1')
  const again = await browser.get(url)
  await browser.submit(again, only(again), {}, 'Sign out')
  expect((await browser.get(`${youku.provider.issuer}/own`)).body).toBe('nobody')
  const nobody = await browser.get(url)
  expect(nobody.body).not.toContain('<script')
  const onward = await browser.submit(nobody, only(nobody), {}, 'Continue')
  expect(onward.url.href).toBe('http://localhost:9/bye?state=s1')
})

test("another site's form cannot sign a person in", async () => {
  const forged = await fetch(youku.provider.issuer + youku.provider.signInPath('/'), {
    method: 'POST',
    headers: { origin: 'http://localhost:9' },
    body: new URLSearchParams({ login: 'mallory', password: 'demo' }),
  })
  expect(forged.status).toBe(403)
  expect(forged.headers.getSetCookie()).toEqual([])
})

test('pages speak Chinese or English, carry no script or inline style, and are not cached', async () => {
  const chinese = await new FormBrowser({ acceptLanguage: 'zh-CN,zh;q=0.9,en;q=0.5' }).get((await request(youku)).url)
  expect(chinese.body).toContain('<html lang="zh-CN">')
  expect(chinese.body).toContain('登录优酷')
  const asked = await new FormBrowser().get((await request(youku, { ui_locales: 'zh-CN' })).url)
  expect(asked.body).toContain('<html lang="zh-CN">')
  const english = await new FormBrowser({ acceptLanguage: 'fr' }).get((await request(youku)).url)
  expect(english.body).toContain('<html lang="en">')
  expect(english.body).toContain('Tessera &lt;test&gt;')
  expect(english.body).not.toMatch(/<script|<style| style=/)
  expect(english.headers.get('cache-control')).toBe('no-store')
  expect(english.headers.get('content-security-policy')).toContain("style-src 'self'")
  const css = await fetch(`${youku.provider.issuer}/oidc/style.css`)
  expect(css.headers.get('content-type')).toContain('text/css')
  expect(await css.text()).toContain('--on-brand: #000000')
})

test('unknown paths are pages, other hosts change no address, and owned paths are told', async () => {
  const { issuer, owns } = youku.provider
  const missing = await new FormBrowser().get(`${issuer}/oidc/nothing`)
  expect([missing.status, missing.body.includes('<code>not_found</code>')]).toEqual([404, true])
  expect((await fetch(`${issuer}/oidc/sign-out`, { method: 'PUT' })).status).toBe(404)
  const asked = httpRequest(`${issuer}/.well-known/openid-configuration`, { headers: { host: 'evil.example' } }).end()
  const [answer] = (await once(asked, 'response')) as [IncomingMessage]
  const metadata = (await json(answer)) as Record<string, unknown>
  expect(metadata['issuer']).toBe(issuer)
  for (const [name, value] of Object.entries(metadata)) {
    if (name.endsWith('_endpoint') || name === 'jwks_uri') expect(value).toMatch(`${issuer}/oidc/`)
  }
  expect([owns('/oidc/token'), owns('/.well-known/openid-configuration'), owns('/'), owns('/oidc')]).toEqual([
    true,
    true,
    false,
    false,
  ])
})

test('stored entries expire on time, and the oldest gives way when a model is full', async () => {
  let now = 0
  const adapter = memoryAdapter(() => now, 2)('Session')
  if (!('find' in adapter)) throw new Error('no adapter')
  await adapter.upsert('a', { uid: 'ua' }, 10)
  now = 9_999
  expect(await adapter.find('a')).toEqual({ uid: 'ua' })
  expect(await adapter.findByUid('ua')).toEqual({ uid: 'ua' })
  now = 10_000
  expect(await adapter.find('a')).toBeUndefined()
  await adapter.upsert('b', { grantId: 'g' })
  await adapter.upsert('c', { grantId: 'h' })
  await adapter.upsert('d', { grantId: 'h' })
  expect(await adapter.find('b')).toBeUndefined()
  await adapter.revokeByGrantId('h')
  expect([await adapter.find('c'), await adapter.find('d')]).toEqual([undefined, undefined])
})
