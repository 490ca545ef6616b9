import type { webcrypto } from 'node:crypto'
import type { RequestListener } from 'node:http'
import { type JWTPayload, SignJWT } from 'jose'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import type { Page } from '../../functions/local/form-browser.ts'
import { type FakePartner, fakePartner, huge, silent } from './fake-partner.ts'
import { codeOf, onlyForm, portalWorld, type World } from './world.ts'

/** What a partner's OpenID provider may answer wrongly. Slow is what takes longer than the time limit, here a second. */
let world: World
let fake: FakePartner
let count = 0
beforeAll(async () => {
  world = await portalWorld({ outbound: { timeoutMs: 1000 } })
  fake = await fakePartner(world.partnerAddress('youku'))
})
afterAll(() => world.stop())
beforeEach(async () => {
  fake.reset()
  world.replaceYouku(fake.listener)
  // Nothing that an earlier test taught the gateway holds: neither what it pinned nor what it has in memory.
  await world.register('youku')
})
afterEach(() => world.reset())

const at = (path: string) => world.at(path)
const brokenSite: RequestListener = (_request, response) => response.writeHead(500).end('<h1>broken</h1>')

async function member() {
  count += 1
  const login = `m${count}`
  const { browser } = await world.memberAt(login, { stopAt: url => url.pathname === '/authorize' })
  return { login, browser }
}

/** To the partner's door and back, with whatever the fake now answers. */
async function attempt(query: Record<string, string> = {}): Promise<{ login: string; page: Page; sent: URL }> {
  const { login, browser } = await member()
  const consent = await browser.get(at('/link/youku'))
  const { url: sent } = await browser.submit(consent, onlyForm(consent))
  fake.behave({ nonce: sent.searchParams.get('nonce') ?? '' })
  const answer = { state: sent.searchParams.get('state') ?? '', code: 'fake-code', iss: fake.issuer, ...query }
  const page = await browser.get(at(`/link/youku/callback?${new URLSearchParams(answer)}`))
  return { login, page, sent }
}

async function expectRefused({ login, page }: { login: string; page: Page }, status: number, code: string) {
  expect([page.status, codeOf(page)]).toEqual([status, code])
  expect(await world.linkedAccount(login)).toBeUndefined()
  expect(await world.activity(login)).toEqual([{ action: 'link-refused', code, partner: 'youku', programme: '88vip' }])
  const lines = world.lines.join('\n')
  expect(lines).toContain(`"event":"link-refused","code":"${code}","partner":"youku"`)
  expect(lines).not.toMatch(/fake-account|fake-code|fake-access|fake-refresh|u-other|evil/)
}

test('a good answer links, and nothing but `openid` and `membership` was asked for', async () => {
  const { login, page, sent } = await attempt()
  expect(page.url.pathname).toBe('/link/youku/done')
  expect(await world.linkedAccount(login)).toBe(fake.account())
  expect(sent.searchParams.get('scope')).toBe('openid membership')
  expect(sent.searchParams.get('code_challenge_method')).toBe('S256')
  expect(sent.searchParams.get('prompt')).toBeNull()
  expect(sent.searchParams.get('redirect_uri')).toBe(at('/link/youku/callback'))
})

test('scopes that the partner lists decide whether `membership` is asked for', async () => {
  fake.behave({ metadata: { scopes_supported: ['openid', 'profile', 'email'] } })
  expect((await attempt()).sent.searchParams.get('scope')).toBe('openid')
})

const { privateKey: foreign } = await crypto.subtle.generateKey({ name: 'ECDSA', namedCurve: 'P-256' }, true, [
  'sign',
  'verify',
])
const unsigned = (claims: JWTPayload) =>
  `${[{ alg: 'none' }, claims].map(part => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.`
const hmac = (claims: JWTPayload) =>
  new SignJWT(claims).setProtectedHeader({ alg: 'HS256' }).sign(Buffer.from('tessera-secret'.padEnd(32)))

describe('an ID token', () => {
  test.each<[string, (claims: JWTPayload) => Promise<string> | string, string, number?]>([
    ['made with the shared secret (HS256)', hmac, 'link-failed'],
    ['without a signature', unsigned, 'link-failed'],
    [
      'of another key',
      claims => new SignJWT(claims).setProtectedHeader({ alg: 'ES256', kid: 'fake' }).sign(foreign),
      'link-failed',
    ],
    ['of another nonce', claims => fake.signed({ ...claims, nonce: 'other' }), 'link-answer-mismatch'],
    ['of another issuer', claims => fake.signed({ ...claims, iss: 'https://evil.example' }), 'link-answer-mismatch'],
    ['for another client', claims => fake.signed({ ...claims, aud: 'other' }), 'link-answer-mismatch'],
    ['that has expired', claims => fake.signed({ ...claims, exp: 1_700_000_000 }), 'link-failed'],
    ['without sub', ({ sub: _, ...claims }) => fake.signed(claims), 'link-claims-missing', 502],
    ['without nonce', ({ nonce: _, ...claims }) => fake.signed(claims), 'link-claims-missing', 502],
    ['that is none', () => 'x', 'link-failed'],
  ])('%s', async (_name, idToken, code, status = 400) => {
    fake.behave({ idToken, metadata: { id_token_signing_alg_values_supported: ['ES256', 'HS256', 'none'] } })
    await expectRefused(await attempt(), status, code)
  })

  test.each([
    ['PS256', { name: 'RSA-PSS', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' }],
    [
      'RS256',
      { name: 'RSASSA-PKCS1-v1_5', modulusLength: 2048, publicExponent: new Uint8Array([1, 0, 1]), hash: 'SHA-256' },
    ],
    ['Ed25519', { name: 'Ed25519' }],
  ])('signed with %s is as good as one with ES256', async (alg, algorithm) => {
    const pair = (await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify'])) as webcrypto.CryptoKeyPair
    const jwk = { ...(await crypto.subtle.exportKey('jwk', pair.publicKey)), kid: 'k', alg, use: 'sig' }
    fake.behave({
      metadata: { id_token_signing_alg_values_supported: [alg] },
      idToken: claims => new SignJWT(claims).setProtectedHeader({ alg, kid: 'k' }).sign(pair.privateKey),
      instead: {
        '/jwks': (_request, response) =>
          response.writeHead(200, { 'content-type': 'application/json' }).end(JSON.stringify({ keys: [jwk] })),
      },
    })
    expect((await attempt()).page.url.pathname).toBe('/link/youku/done')
  })
})

describe('what comes without what is needed', () => {
  test('no ID token', async () => {
    fake.behave({ tokens: { id_token: undefined } })
    await expectRefused(await attempt(), 502, 'link-claims-missing')
  })
  test('userinfo without sub', async () => {
    fake.behave({ userinfo: { paidUntil: null } })
    await expectRefused(await attempt(), 502, 'link-claims-missing')
  })
  test('userinfo of another account', async () => {
    fake.behave({ userinfo: { sub: 'u-other' } })
    await expectRefused(await attempt(), 400, 'link-answer-mismatch')
  })
  test('an account id that cannot be one', async () => {
    fake.behave({ claims: { sub: 'a'.repeat(256) }, userinfo: { sub: 'a'.repeat(256) } })
    await expectRefused(await attempt(), 502, 'link-claims-missing')
  })
  test('a claim of what is paid that cannot be read: guessing would make somebody pay twice', async () => {
    fake.behave({ userinfo: { sub: fake.account(), paidUntil: 'tomorrow' } })
    await expectRefused(await attempt(), 400, 'link-failed')
  })
  test('a claim of what is paid under the name that the registration says', async () => {
    await world.register('youku', { claims: { paidUntil: 'vip_until' } })
    fake.behave({ userinfo: { sub: fake.account(), vip_until: 4_000_000_000 } })
    await expectRefused(await attempt(), 409, 'account-already-pays')
  })
})

describe('a partner that is down, slow or huge', () => {
  test.each([
    ['down', brokenSite],
    ['slow', silent],
    ['huge', huge],
    [
      'redirecting',
      ((_request, response) =>
        response.writeHead(302, { location: 'http://169.254.169.254/' }).end()) as RequestListener,
    ],
  ])('%s: tokens, keys, userinfo', async (_name, listener) => {
    for (const path of ['/token', '/jwks', '/userinfo']) {
      await world.register('youku')
      fake.behave({ instead: { [path]: listener } })
      await expectRefused(await attempt(), 502, 'partner-unavailable')
    }
  })

  test.each([
    ['down', brokenSite],
    ['slow', silent],
    ['huge', huge],
  ])('%s: discovery, when the page is opened and when its form is sent', async (_name, listener) => {
    const { login, browser } = await member()
    const consent = await browser.get(at('/link/youku'))
    await world.register('youku')
    fake.behave({ instead: { '/.well-known/openid-configuration': listener } })
    const opened = await browser.get(at('/link/youku'))
    expect([opened.status, codeOf(opened)]).toEqual([502, 'partner-unavailable'])
    expect(await world.activity(login)).toEqual([])
    await expectRefused({ login, page: await browser.submit(consent, onlyForm(consent)) }, 502, 'partner-unavailable')
    fake.behave({ instead: {} })
    expect((await browser.get(at('/link/youku'))).status).toBe(200)
  })

  test('out of order, by its own word', async () => {
    await expectRefused(await attempt({ error: 'temporarily_unavailable' }), 502, 'partner-unavailable')
  })

  test('refusing the request is not cancelling', async () => {
    await expectRefused(await attempt({ error: 'invalid_scope', error_description: 'evil' }), 400, 'link-failed')
  })

  test('cancelled: even while the partner is down, with a line in the member’s log', async () => {
    fake.behave({ instead: { '/token': brokenSite } })
    const { login, page } = await attempt({ error: 'access_denied' })
    expect([page.status, page.body.includes('Linking cancelled')]).toEqual([200, true])
    expect(await world.activity(login)).toEqual([{ action: 'link-cancelled', partner: 'youku', programme: '88vip' }])
    expect(fake.requests.map(({ path }) => path)).not.toContain('/token')
  })
})

describe('metadata that change after the first use', () => {
  const relearn = () => world.moveWallClock(11 * 60)

  test.each([
    ['token_endpoint', (host: string) => `${host}/elsewhere`],
    ['authorization_endpoint', () => 'https://evil.example/authorize'],
    ['userinfo_endpoint', () => undefined],
    ['jwks_uri', (host: string) => `${host}/other-jwks`],
    ['pushed_authorization_request_endpoint', () => 'https://evil.example/par'],
    ['revocation_endpoint', (host: string) => `${host}/other-revoke`],
    ['authorization_response_iss_parameter_supported', () => false],
  ])('%s: nobody is led there until the operator puts the partner again', async (field, changed) => {
    expect((await attempt()).page.url.pathname).toBe('/link/youku/done')
    relearn()
    fake.behave({ metadata: { [field]: changed(fake.issuer) } })
    const from = world.lines.length
    const { browser } = await member()
    const refused = await browser.get(at('/link/youku'))
    expect([refused.status, codeOf(refused)]).toEqual([502, 'partner-unavailable'])
    const line = world.lines.slice(from).find(text => text.includes('partner-metadata-changed')) ?? '{}'
    const { time: _, ...told } = JSON.parse(line)
    expect(told).toEqual({ level: 'warn', event: 'partner-metadata-changed', partner: 'youku', fields: [field] })
    await world.register('youku')
    expect((await browser.get(at('/link/youku'))).status).toBe(200)
  })

  test('a promise of `iss` that is new makes nothing weaker', async () => {
    fake.behave({ metadata: { authorization_response_iss_parameter_supported: undefined } })
    expect((await attempt()).page.url.pathname).toBe('/link/youku/done')
    relearn()
    fake.behave({ metadata: {} })
    expect((await (await member()).browser.get(at('/link/youku'))).status).toBe(200)
  })

  test('an endpoint that is new at an origin in use is used', async () => {
    expect((await attempt()).page.url.pathname).toBe('/link/youku/done')
    relearn()
    fake.behave({ metadata: { pushed_authorization_request_endpoint: `${fake.issuer}/par` } })
    expect((await (await member()).browser.get(at('/link/youku'))).status).toBe(200)
  })

  test.each([
    ['an issuer of another', { issuer: 'https://evil.example' }],
    ['no token endpoint', { token_endpoint: undefined }],
    ['an address with a policy in its host', { authorization_endpoint: 'https://a;script-src/x' }],
    ['an address with a user', { token_endpoint: 'https://me:pw@youku.example/token' }],
    ['an address that is none', { jwks_uri: 'javascript:alert(1)' }],
  ])('%s is never taken', async (_name, metadata) => {
    fake.behave({ metadata })
    const { browser } = await member()
    const refused = await browser.get(at('/link/youku'))
    expect([refused.status, codeOf(refused)]).toEqual([502, 'partner-unavailable'])
  })
})
