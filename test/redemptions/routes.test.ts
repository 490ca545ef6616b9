import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { fireTimers } from '../../functions/consume.ts'
import { completeLink } from '../../functions/links/complete-link.ts'
import type { MembershipView } from '../../schemas/membership.ts'
import type { Instant } from '../../schemas/primitives.ts'
import type { Problem } from '../../schemas/problem.ts'
import type { Redemption } from '../../schemas/redemption.ts'
import type { EntitlementTokenAnswer } from '../../schemas/token.ts'
import { bodyOf, type GatewayWorld, gatewayWorld, leaksOf, sale, seedTerms } from '../support/gateway.ts'

let world: GatewayWorld
let linkId: string
let videoLink: string
beforeAll(async () => {
  world = await gatewayWorld()
  await seedTerms(world)
  const sold = await bodyOf<MembershipView>(await world.call('alibaba', 'POST', '/v1/memberships', sale('lin')), 201)
  const linked = { member: sold.member.id, programme: '88vip', partner: 'eleme', account: 'account-of-lin' }
  linkId = (await completeLink(world.services, linked)).id
  videoLink = (await completeLink(world.services, { ...linked, partner: 'youku' })).id
  world.confidential.add('account-of-lin')
})
afterAll(() => expect(leaksOf(world)).toEqual([]))

const path = (id: string, verb = '') => `/v1/redemptions/${encodeURIComponent(id)}${verb}`
const hold = (id: unknown, more: object = {}, headers: Record<string, string> = {}) =>
  world.call('eleme', 'POST', '/v1/redemptions', { id, linkId, benefit: 'eleme-5off', ...more }, headers)
const post = (id: string, verb: string) => world.call('eleme', 'POST', path(id, verb))
const codeOf = async (answer: Response) => [answer.status, ((await answer.json()) as Problem).code]

/** What a token of the link tells, and what AuthZEN decides. */
async function remaining() {
  const token = await bodyOf<EntitlementTokenAnswer>(
    await world.call('eleme', 'POST', '/v1/entitlement-tokens', { linkId }),
  )
  const evaluation = {
    subject: { type: 'link', id: linkId },
    action: { name: 'use' },
    resource: { type: 'benefit', id: 'eleme-5off' },
  }
  const { decision } = await bodyOf<{ decision: boolean }>(
    await world.call('eleme', 'POST', '/access/v1/evaluation', evaluation),
  )
  const rem = token.entitlements.find(({ bid }) => bid === 'eleme-5off')?.rem
  expect(decision).toBe(rem !== 0)
  return rem
}

describe('redemptions over HTTP', () => {
  it('hold, capture and void move what the tokens tell', async () => {
    expect(await remaining()).toBe(4)
    const held = await bodyOf<Redemption>(await hold('r-1', { quantity: 2 }), 201)
    expect(held).toMatchObject({ id: 'r-1', state: 'held', remaining: 2 })
    expect(await remaining()).toBe(2)
    expect(await bodyOf<Redemption>(await hold('r-2', { quantity: 2 }), 201)).toMatchObject({ remaining: 0 })
    expect(await remaining()).toBe(0)
    expect(await bodyOf<Redemption>(await post('r-1', '/capture'))).toMatchObject({ state: 'captured' })
    expect(await remaining()).toBe(0)
    expect(await bodyOf<Redemption>(await post('r-2', '/void'))).toMatchObject({ state: 'voided' })
    expect(await remaining()).toBe(2)
    expect(await codeOf(await post('r-1', '/void'))).toEqual([409, 'redemption-settled'])
    expect(await codeOf(await post('r-2', '/capture'))).toEqual([409, 'redemption-settled'])
    expect(await codeOf(await hold('r-3', { quantity: 3 }))).toEqual([409, 'quota-exhausted'])
  })

  it('a hold expires by the clock, and a timer stores it', async () => {
    const { expiresAt } = await bodyOf<Redemption>(await hold('r-4'), 201)
    world.clock.moveTo(expiresAt)
    expect(await bodyOf<Redemption>(await world.call('eleme', 'GET', path('r-4')))).toMatchObject({ state: 'expired' })
    const before = await remaining()
    await fireTimers(world.services)
    expect(await remaining()).toBe(before)
    expect(await codeOf(await post('r-4', '/capture'))).toEqual([409, 'redemption-settled'])
  })

  it('an id may have every visible ASCII character', async () => {
    const all = Array.from({ length: 0x7e - 0x21 + 1 }, (_, index) => String.fromCharCode(0x21 + index)).join('')
    const ids = [...all].filter(character => character !== '.').concat(all, '%2F', '%25', '..a', 'a/../b', 'a?b#c')
    const asked = (method: string, address: string, body?: object) => world.call('youku', method, address, body)
    for (const id of ids) {
      const request = { id, linkId: videoLink, benefit: 'youku-vip' }
      const held = await bodyOf<Redemption>(await asked('POST', '/v1/redemptions', request), 201)
      expect(held.id).toBe(id)
      expect(await bodyOf<Redemption>(await asked('GET', path(id)))).toEqual(held)
    }
    const captured = await bodyOf<Redemption>(await asked('POST', path(all, '/capture')))
    expect(captured).toMatchObject({ id: all, state: 'captured' })
    const voided = await bodyOf<Redemption>(await asked('POST', path('a/../b', '/void')))
    expect(voided).toMatchObject({ id: 'a/../b', state: 'voided' })
  })

  it.each<[string, unknown, object]>([
    ['no id', undefined, {}],
    ['an id of nothing', '', {}],
    ['an id that no path can carry', '..', {}],
    ['an id with a space', 'a b', {}],
    ['a long id', 'x'.repeat(129), {}],
    ['a quantity of nothing', 'bad-1', { quantity: 0 }],
    ['a part', 'bad-1', { quantity: 1.5 }],
    ['a quantity beyond every quota', 'bad-1', { quantity: 1_000_001 }],
    ['a link that is no id', 'bad-1', { linkId: 'lnk_1' }],
    ['an unknown field', 'bad-1', { amount: 1 }],
  ])('%s is refused', async (_, id, more) => {
    expect(await codeOf(await hold(id, more))).toEqual([400, 'invalid-request'])
  })

  it('the first answer says where it is read, a repetition says what became of it', async () => {
    const first = await hold('again/1')
    expect([first.status, first.headers.get('location')]).toEqual([201, path('again/1')])
    const held = await bodyOf<Redemption>(first, 201)
    expect(await bodyOf<Redemption>(await world.call('eleme', 'GET', path('again/1')))).toEqual(held)
    const second = await hold('again/1')
    expect([second.status, second.headers.get('location')]).toEqual([200, null])
    expect(await bodyOf<Redemption>(second)).toEqual(held)
    await bodyOf(await post('again/1', '/void'))
    expect(await bodyOf<Redemption>(await hold('again/1'))).toMatchObject({ id: 'again/1', state: 'voided' })
  })

  it('Idempotency-Key repeats the answer, and refuses another request', async () => {
    const headers = { 'idempotency-key': 'key-1' }
    const first = await bodyOf<Redemption>(await hold('keyed', {}, headers), 201)
    expect(await bodyOf<Redemption>(await hold('keyed', {}, headers), 201)).toEqual(first)
    expect(await codeOf(await hold('keyed-2', {}, headers))).toEqual([422, 'idempotency-key-reused'])
    expect(await codeOf(await hold('keyed', { quantity: 2 }))).toEqual([422, 'idempotency-key-reused'])
  })

  it('no document names the member', async () => {
    const { id: _id, ...rest } = await bodyOf<Redemption>(await world.call('eleme', 'GET', path('r-1')))
    expect(Object.keys(rest).toSorted()).toEqual(
      [
        'linkId',
        'benefit',
        'quantity',
        'entitlementId',
        'state',
        'heldAt',
        'expiresAt',
        'settledAt',
        'remaining',
      ].toSorted(),
    )
    expect(Date.parse(rest.heldAt)).toBeLessThan(Date.parse(rest.expiresAt as Instant))
  })
})
