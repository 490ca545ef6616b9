import type { IncomingMessage, RequestListener } from 'node:http'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { findPartnerToken } from '../../functions/links/partner-token.ts'
import { liveLinks } from '../../functions/links/records.ts'
import { findMember } from '../../functions/memberships/find-member.ts'
import { type FakePartner, fakePartner } from './fake-partner.ts'
import { codeOf, linkThrough, onlyForm, portalWorld, type Visitor, type World } from './world.ts'

/** How the gateway shows itself to a partner, and what it keeps of a partner's tokens. */
let world: World
let fake: FakePartner
beforeAll(async () => {
  world = await portalWorld()
  fake = await fakePartner(world.partnerAddress('youku'))
})
afterAll(() => world.stop())
beforeEach(() => fake.reset())
afterEach(async () => {
  world.reset()
  await world.register('youku')
})

const at = (path: string) => world.at(path)
const linkOf = async (login: string) => {
  const member = await findMember(world.services, { issuer: world.identityIssuer, subject: login })
  const [link] = member ? await liveLinks(world.services.table, member.id, '88vip') : []
  if (!link) throw new Error(`${login} has no link`)
  return link
}
async function unlinkAt(partner: string, { browser }: Visitor) {
  const confirm = await browser.get(at(`/unlink/${partner}`))
  return browser.submit(confirm, onlyForm(confirm), {}, 'Unlink account')
}

/** Bodies that reach a partner, by path, as they pass. */
function overheard(partner: 'youku' | 'xiami') {
  const bodies: Record<string, URLSearchParams> = {}
  world.around(
    partner,
    (listener): RequestListener =>
      (request, response) => {
        const { pathname } = new URL(request.url ?? '/', 'http://localhost')
        const emit = request.emit.bind(request)
        const chunks: Buffer[] = []
        request.emit = ((event: string, ...args: unknown[]) => {
          if (event === 'data') chunks.push(args[0] as Buffer)
          if (event === 'end') bodies[pathname] = new URLSearchParams(Buffer.concat(chunks).toString())
          return emit(event, ...args)
        }) as IncomingMessage['emit']
        listener(request, response)
      },
  )
  return bodies
}

describe('how the gateway asks', () => {
  test('requests are pushed: the browser carries a reference and the client id, nothing else', async () => {
    const bodies = overheard('youku')
    const stopAt = ({ origin }: URL) => origin === world.partnerAddress('youku')
    const { browser } = await world.memberAt('pushed', { stopAt })
    const consent = await browser.get(at('/link/youku'))
    const before = world.asked.length
    const page = await browser.submit(consent, onlyForm(consent))
    expect([...page.url.searchParams.keys()].sort()).toEqual(['client_id', 'request_uri'])
    expect(world.asked.slice(before)).toContainEqual({ partner: 'youku', path: '/oidc/par' })
    expect(Object.fromEntries(bodies['/oidc/par'] ?? [])).toMatchObject({
      scope: 'openid membership',
      code_challenge_method: 'S256',
      redirect_uri: at('/link/youku/callback'),
    })
  })

  test('with a key of its own, which the partner fetches, where it has no secret', async () => {
    const bodies = overheard('xiami')
    const linked = await linkThrough(world, await world.memberAt('keyed'), 'x-keyed', { partner: 'xiami' })
    expect(linked.url.pathname).toBe('/link/xiami/done')
    const [pushed, redeemed] = ['/oidc/par', '/oidc/token'].map(path => bodies[path]?.get('client_assertion') ?? '')
    for (const assertion of [pushed, redeemed]) {
      const { iat = 0, exp = 0, ...claims } = decodeJwt(assertion ?? '')
      expect(claims).toEqual({
        iss: 'tessera',
        sub: 'tessera',
        aud: world.partnerAddress('xiami'),
        jti: expect.stringMatching(/^[\w-]{22}$/),
      })
      expect(exp - iat).toBe(60)
    }
    expect(decodeJwt(pushed ?? '').jti).not.toBe(decodeJwt(redeemed ?? '').jti)
    const { keys } = (await (await fetch(at('/.well-known/jwks.json'))).json()) as { keys: Record<string, string>[] }
    const { kid } = decodeProtectedHeader(pushed ?? '')
    expect(keys.find(key => key['kid'] === kid)).toMatchObject({ purpose: 'client', alg: 'ES256' })
    expect(bodies['/oidc/token']?.has('client_secret')).toBe(false)
  })

  test('with nothing where the registration says so, and not without a secret that it should have', async () => {
    world.replaceYouku(fake.listener)
    await world.register('youku', { clientAuthentication: 'none' })
    await answeredByFake('bare')
    expect(fake.requests.find(({ path }) => path === '/token')).toMatchObject({ authorization: undefined })
    const basic = { clientAuthentication: 'client_secret_basic' }
    await expect(world.register('xiami', basic)).rejects.toMatchObject({ code: 'invalid-document' })
  })
})

/** Links a member at the fake. */
async function answeredByFake(login: string) {
  const visitor = await world.memberAt(login, { stopAt: url => url.pathname === '/authorize' })
  const consent = await visitor.browser.get(at('/link/youku'))
  const { url: sent } = await visitor.browser.submit(consent, onlyForm(consent))
  fake.behave({ nonce: sent.searchParams.get('nonce') ?? '' })
  const answer = { state: sent.searchParams.get('state') ?? '', code: 'c', iss: fake.issuer }
  const page = await visitor.browser.get(at(`/link/youku/callback?${new URLSearchParams(answer)}`))
  return { ...visitor, page, sent }
}
const revoked = () => fake.requests.filter(({ path }) => path === '/revoke').map(({ body }) => body.get('token'))

describe('a partner’s refresh token', () => {
  test('is not asked for, and is given back where it comes all the same', async () => {
    world.replaceYouku(fake.listener)
    await world.register('youku')
    fake.behave({ tokens: { refresh_token: 'unasked-refresh' } })
    const { page, sent } = await answeredByFake('unasked')
    expect(page.url.pathname).toBe('/link/youku/done')
    expect(sent.searchParams.get('scope')).not.toContain('offline_access')
    expect(revoked()).toEqual(['unasked-refresh'])
    const link = await linkOf('unasked')
    expect(await findPartnerToken(world.services, link.id)).toBeUndefined()
    const stored = await world.stored()
    expect(stored).toContain(link.id)
    for (const token of ['unasked-refresh', 'fake-access']) {
      expect(stored).not.toContain(token)
      expect(stored).not.toContain(Buffer.from(token).toString('base64'))
    }
  })

  test('is kept sealed where that is registered, and revoked when the member unlinks', async () => {
    world.replaceYouku(fake.listener)
    await world.register('youku', { keepTokens: true })
    fake.behave({ tokens: { refresh_token: 'kept-refresh' } })
    const visitor = await answeredByFake('keeper')
    expect(visitor.sent.searchParams.get('scope')).toBe('openid membership offline_access')
    expect(visitor.sent.searchParams.get('prompt')).toBe('consent')
    const { id } = await linkOf('keeper')
    expect(await findPartnerToken(world.services, id)).toBe('kept-refresh')
    expect(await world.stored()).toContain(`PARTNERTOKEN#${id}`)
    expect(await world.stored()).not.toMatch(/kept-refresh|a2VwdC1yZWZyZXNo/)
    expect(revoked()).toEqual([])

    const gone = await unlinkAt('youku', visitor)
    expect(gone.body).toContain('no longer linked')
    expect(revoked()).toEqual(['kept-refresh'])
    expect(await findPartnerToken(world.services, id)).toBeUndefined()
    expect(world.lines.join()).not.toMatch(/kept-refresh|unasked-refresh/)
  })

  test('is given back before the link is made: a partner that then ends what it knows finds none', async () => {
    world.replaceYouku(fake.listener)
    await world.register('youku')
    const linkedThen: (string | undefined)[] = []
    const note: RequestListener = async (_request, response) => {
      linkedThen.push(await world.linkedAccount('in-order'))
      response.writeHead(200).end()
    }
    fake.behave({ tokens: { refresh_token: 'early-refresh' }, instead: { '/revoke': note } })
    expect((await answeredByFake('in-order')).page.url.pathname).toBe('/link/youku/done')
    expect(linkedThen).toEqual([undefined])
    expect(await world.linkedAccount('in-order')).toBe(fake.account())
  })

  test('that a newer one of the same account takes the place of is revoked', async () => {
    world.replaceYouku(fake.listener)
    await world.register('youku', { keepTokens: true })
    for (const token of ['older-refresh', 'newer-refresh', 'newer-refresh']) {
      fake.behave({ tokens: { refresh_token: token } })
      expect((await answeredByFake('again')).page.url.pathname).toBe('/link/youku/done')
    }
    expect(revoked()).toEqual(['older-refresh'])
    expect(await findPartnerToken(world.services, (await linkOf('again')).id)).toBe('newer-refresh')
  })

  test('is given back where the link is refused', async () => {
    world.replaceYouku(fake.listener)
    await world.register('youku', { keepTokens: true })
    await answeredByFake('first-owner')
    fake.behave({ tokens: { refresh_token: 'refused-refresh' } })
    const { page } = await answeredByFake('second-owner')
    expect([page.status, codeOf(page)]).toEqual([409, 'account-linked-elsewhere'])
    fake.behave({ userinfo: { sub: 'another' } })
    expect(codeOf((await answeredByFake('third-owner')).page)).toBe('link-answer-mismatch')
    expect(revoked()).toEqual(['refused-refresh', 'refused-refresh'])
    expect(await world.linkedAccount('second-owner')).toBeUndefined()
  })

  test('a partner that is down does not keep a member linked', async () => {
    world.replaceYouku(fake.listener)
    await world.register('youku', { keepTokens: true })
    fake.behave({ tokens: { refresh_token: 'late-refresh' } })
    const visitor = await answeredByFake('leaves-anyway')
    const { id } = await linkOf('leaves-anyway')
    fake.behave({ instead: { '/revoke': (_request, response) => response.destroy() } })
    expect((await unlinkAt('youku', visitor)).body).toContain('no longer linked')
    expect(await findPartnerToken(world.services, id)).toBeUndefined()
    expect(world.lines.at(-1)).toContain('"event":"partner-revocation-failed","partner":"youku"')
  })

  test('of a real provider is revoked there: the grant is gone', async () => {
    await world.register('xiami', { keepTokens: true })
    const visitor = await world.memberAt('real')
    const linked = await linkThrough(world, visitor, 'x-real', { partner: 'xiami' })
    expect(linked.url.pathname).toBe('/link/xiami/done')
    expect(await findPartnerToken(world.services, (await linkOf('real')).id)).toMatch(/^[\w-]{20,}$/)
    const [before, lines] = [world.asked.length, world.lines.length]
    await unlinkAt('xiami', visitor)
    expect(world.asked.slice(before)).toContainEqual({ partner: 'xiami', path: '/oidc/revoke' })
    expect(world.lines.slice(lines).join()).not.toContain('partner-revocation-failed')
  })
})
