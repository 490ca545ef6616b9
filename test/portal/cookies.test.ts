import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { portalRoutes } from '../../functions/portal/routes.tsx'
import { type LinkAttempt, portalSessions, type SignInAttempt } from '../../functions/portal/session.ts'
import { fakePartner } from './fake-partner.ts'
import { portalWorld, type World } from './world.ts'

let world: World
beforeAll(async () => {
  world = await portalWorld()
})
afterAll(() => world.stop())
afterEach(() => world.reset())

const at = (path: string) => world.at(path)

describe('cookies stay far below the 10,240 bytes of headers that API Gateway takes', () => {
  const language = 'zh-CN' as const
  const token = 'x'.repeat(43)
  const header = (jar: Map<string, string>) => [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
  const keep = (jar: Map<string, string>, cookies: string[]) => {
    for (const [, name = '', value = ''] of cookies.map(cookie => /^([^=]+)=([^;]*)/.exec(cookie) ?? [])) {
      if (value) jar.set(name, value)
      else jar.delete(name)
    }
  }
  /** A browser in which five tabs of each kind were begun. */
  async function jarOf(signIn: Partial<SignInAttempt>, link: Partial<LinkAttempt>, person: object) {
    const sessions = portalSessions({ ...world.services, issuer: 'https://tessera.example' })
    const jar = new Map([['tessera-language', language as string]])
    const session = { issuer: 'https://id.example', subject: 's', name: '', roles: [], language, ...person }
    keep(jar, [await sessions.start(session)])
    for (let tab = 0; tab < 5; tab += 1) {
      const checks = { state: `${token.slice(1)}${tab}`, nonce: token, verifier: token, issPromised: true }
      const attempt = { ...checks, issuer: 'https://login.example', startedAt: world.services.wallNow() }
      const begun = { purpose: 'sign-in', ...attempt, language, returnTo: '/pass', ...signIn } as const
      keep(jar, await sessions.begin(begun, header(jar)))
      const linking = { ...attempt, session: 'x'.repeat(32), partner: 'youku', programme: '88vip', ...link }
      keep(jar, await sessions.begin({ purpose: 'link', ...linking }, header(jar)))
      world.moveWallClock(1)
    }
    const counts = ['sign-in', 'link'].map(kind => [...jar.keys()].filter(name => name.includes(`-${kind}-`)).length)
    return { bytes: header(jar).length, counts, jar, sessions, last: `${token.slice(1)}4` }
  }

  test('four ordinary attempts of each kind and a session', async () => {
    const { bytes, counts } = await jarOf({}, {}, { name: '林小梅' })
    expect(counts).toEqual([4, 4])
    expect(bytes).toBeLessThanOrEqual(8192)
  })

  test('the longest of everything: fewer attempts, the newest among them', async () => {
    const issuer = `https://${'i'.repeat(60)}.example`
    const longest = { subject: 's'.repeat(255), name: '名'.repeat(60), roles: Array<string>(8).fill('r'.repeat(64)) }
    const { bytes, counts, jar, sessions, last } = await jarOf(
      { issuer, returnTo: `/${'r'.repeat(299)}` },
      { issuer, partner: 'p'.repeat(64), programme: 'q'.repeat(64) },
      { issuer, ...longest },
    )
    expect(bytes).toBeLessThanOrEqual(8192)
    for (const count of counts) expect(count).toBeGreaterThanOrEqual(2)
    expect(await sessions.signInAttempt(header(jar), last)).toBeDefined()
    expect(await sessions.linkAttempt(header(jar), last)).toBeDefined()
  })

  test.each([
    ['Chinese that is nine times as long when encoded', `/pass?x=${'猫'.repeat(60)}`],
    ['plain text', `/pass?x=${'x'.repeat(300)}`],
    ['what cannot be told from an address', `/${'../'.repeat(400)}pass`],
  ])('where sign-in leads back to: not %s', async (_name, target) => {
    const { page } = await world.signIn('nobody', {}, target)
    expect(page.url.href).toBe(at('/'))
  })

  test('and the longest that is an address of ours', async () => {
    const target = `/activity?x=${'x'.repeat(288)}`
    const { page } = await world.signIn('nobody', {}, target)
    expect(page.url.href).toBe(at(target))
  })
})

describe('whom the identity provider names', () => {
  const signInAs = async (claims: Record<string, unknown>) => {
    const fake = await fakePartner(world.partnerAddress('youku'))
    world.replaceYouku(fake.listener)
    const app = portalRoutes({ ...world.services, config: { ...world.config, IDENTITY_ISSUER: fake.issuer } })
    const sent = await app.request('/sign-in')
    const asked = new URL(sent.headers.get('location') ?? '')
    fake.behave({ nonce: asked.searchParams.get('nonce') ?? '', claims, userinfo: { sub: claims['sub'] } })
    const answer = { state: asked.searchParams.get('state') ?? '', code: 'c', iss: fake.issuer }
    const cookie = sent.headers
      .getSetCookie()
      .map(one => one.split(';')[0])
      .join('; ')
    return app.request(`/sign-in/callback?${new URLSearchParams(answer)}`, { headers: { cookie } })
  }
  const sessionIn = (answer: Response) =>
    portalSessions(world.services).read(
      answer.headers
        .getSetCookie()
        .map(one => one.split(';')[0])
        .join('; '),
    )

  test('by more than 255 bytes is nobody', async () => {
    for (const sub of ['s'.repeat(256), '名'.repeat(86)]) {
      const answer = await signInAs({ sub })
      expect([answer.status, (await answer.text()).includes('sign-in-failed')]).toEqual([400, true])
      expect(await sessionIn(answer)).toBeUndefined()
    }
    expect((await sessionIn(await signInAs({ sub: 's'.repeat(255) })))?.subject).toHaveLength(255)
  })

  test('with a long name and many roles: only so much is kept', async () => {
    const roles = ['r'.repeat(65), 7, '客服', ...Array<string>(20).fill('r'.repeat(64))]
    const session = await sessionIn(await signInAs({ sub: 's', name: `${'n'.repeat(59)}😀`, roles }))
    expect(session?.name).toBe(`${'n'.repeat(59)}\ufffd`)
    expect(session?.roles).toEqual(['客服', ...Array(7).fill('r'.repeat(64))])
  })
})
