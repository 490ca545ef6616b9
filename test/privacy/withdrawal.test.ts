import { afterAll, afterEach, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { fireTimers } from '../../functions/consume.ts'
import type { Table } from '../../functions/kernel/table.ts'
import { findPartnerToken } from '../../functions/links/partner-token.ts'
import { liveLinks } from '../../functions/links/records.ts'
import { withdrawBy } from '../../functions/links/withdraw-consent.ts'
import { findMember } from '../../functions/memberships/find-member.ts'
import { eraseMember } from '../../functions/privacy/erase-member.ts'
import { type FakePartner, fakePartner } from '../portal/fake-partner.ts'
import { linkThrough, onlyForm, portalWorld, type Visitor, type World } from '../portal/world.ts'

/** What becomes of a member's consent at a partner, where a token of it is kept, when the member is erased. */
let world: World
let fake: FakePartner
beforeAll(async () => {
  world = await portalWorld()
  fake = await fakePartner(world.partnerAddress('youku'))
  await world.register('youku', { keepTokens: true })
})
afterAll(() => world.stop())
beforeEach(() => {
  fake.reset()
  world.replaceYouku(fake.listener)
})
afterEach(() => world.reset())

const revoked = () => fake.requests.filter(({ path }) => path === '/revoke').map(({ body }) => body.get('token'))

async function keeper(login: string) {
  fake.behave({ tokens: { refresh_token: `refresh-of-${login}` } })
  const visitor = await linkedAt(login)
  const member = await findMember(world.services, { issuer: world.identityIssuer, subject: login })
  if (!member) throw new Error(`${login} is no member`)
  const [link] = await liveLinks(world.services.table, member.id, '88vip')
  if (!link) throw new Error(`${login} has no link`)
  expect(await findPartnerToken(world.services, link.id)).toBe(`refresh-of-${login}`)
  return { visitor, member: member.id, link }
}

async function linkedAt(login: string): Promise<Visitor> {
  const stopAt = ({ origin }: URL) => origin === world.partnerAddress('youku')
  const visitor = await world.memberAt(login, { stopAt })
  const consent = await visitor.browser.get(world.at('/link/youku'))
  const { url } = await visitor.browser.submit(consent, onlyForm(consent), {}, 'Agree and link')
  fake.behave({ nonce: url.searchParams.get('nonce') ?? '' })
  const answer = new URLSearchParams({ code: 'code', state: url.searchParams.get('state') ?? '', iss: fake.issuer })
  const page = await visitor.browser.get(world.at(`/link/youku/callback?${answer}`))
  expect(page.url.pathname).toBe('/link/youku/done')
  return visitor
}

async function eraseAt({ browser }: Visitor) {
  const page = await browser.get(world.at('/privacy/erase'))
  return browser.submit(page, onlyForm(page), { understood: 'yes' })
}

/** Fails at every commit but the one that begins the erasure. */
function dying(table: Table): Table {
  let commits = 0
  return {
    ...table,
    commit: writes => {
      commits += 1
      return commits === 1 ? table.commit(writes) : Promise.reject(new Error('killed'))
    },
  }
}

describe('an erasure', () => {
  test('withdraws the consent at the partner, once', async () => {
    const { visitor, link } = await keeper('leaves')
    const done = await eraseAt(visitor)
    expect(done.body).toContain('Your data is erased')
    expect(revoked()).toEqual(['refresh-of-leaves'])
    expect(await findPartnerToken(world.services, link.id)).toBeUndefined()
    await fireTimers(world.services)
    expect(revoked()).toHaveLength(1)
  })

  test('that was interrupted withdraws it when the timers take it up', async () => {
    const { member, link } = await keeper('interrupted')
    const { services } = world
    expect(await eraseMember({ ...services, table: dying(services.table) }, member)).toEqual({ isDone: false })
    expect(await findPartnerToken(services, link.id)).toBe('refresh-of-interrupted')
    expect(revoked()).toEqual([])
    await fireTimers(services)
    expect(revoked()).toEqual(['refresh-of-interrupted'])
    expect(await findPartnerToken(services, link.id)).toBeUndefined()
  })

  test('is not held up by a partner that refuses, or is down', async () => {
    const { visitor, link } = await keeper('refused')
    fake.behave({ instead: { '/revoke': (_request, response) => response.writeHead(503).end('out of order') } })
    expect((await eraseAt(visitor)).body).toContain('Your data is erased')
    expect(await findPartnerToken(world.services, link.id)).toBeUndefined()
    const told = world.lines.filter(line => line.includes('partner-revocation-failed'))
    expect(told).toHaveLength(1)
    expect(told[0]).toContain('"partner":"youku"')
    expect(told.join()).not.toMatch(/refresh-of|fake-account/)
  })

  test('nor by one that never answers', async () => {
    const { member, link } = await keeper('silent')
    const asked: string[] = []
    const openid = {
      revoke: (_registration: unknown, token: string) => {
        asked.push(token)
        return new Promise<never>(() => undefined)
      },
    }
    const withdraw = withdrawBy({ ...world.services, openid }, { milliseconds: 20 })
    expect(await eraseMember({ ...world.services, withdraw }, member)).toEqual({ isDone: true })
    expect(asked).toEqual(['refresh-of-silent'])
    expect(await findPartnerToken(world.services, link.id)).toBeUndefined()
    expect(world.lines.join()).toContain(
      '"event":"partner-revocation-failed","partner":"youku","code":"partner-unavailable"',
    )
  })

  test('asks nobody where no token is kept', async () => {
    const visitor = await world.memberAt('plain')
    world.reset()
    await linkThrough(world, visitor, 'x-plain', { partner: 'xiami' })
    const before = world.asked.length
    expect((await eraseAt(visitor)).body).toContain('Your data is erased')
    expect(world.asked.slice(before).filter(({ partner }) => partner === 'xiami')).toEqual([])
  })
})
