import { beforeEach, describe, expect, it } from 'vitest'
import { activityOf } from '../../functions/links/activity.ts'
import { completeLink } from '../../functions/links/complete-link.ts'
import { unlink } from '../../functions/links/unlink.ts'
import { issuePass } from '../../functions/passes/issue-pass.ts'
import type { MembershipView } from '../../schemas/membership.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { createGatewayPassClaims, createPassDesk, createVerifier, type Fetch } from '../../sdk/index.ts'
import { bodyOf, type GatewayWorld, gatewayWorld, issuer, sale, seedTerms } from '../support/gateway.ts'

let world: GatewayWorld
let sold: MembershipView
let request: { member: MembershipView['member']['id']; programme: '88vip'; partner: 'eleme' }
beforeEach(async () => {
  world = await gatewayWorld()
  await seedTerms(world)
  sold = await bodyOf(await world.call('alibaba', 'POST', '/v1/memberships', sale('person-at-the-till')), 201)
  request = { member: sold.member.id, programme: '88vip', partner: 'eleme' }
  await completeLink(world.services, { ...request, account: 'account-at-the-till' })
})

const show = async () => (await issuePass(world.services, request)).token
const toGateway: Fetch = async (url, init) => world.app.request(url, init)
const seconds = () => Date.parse(world.clock.now()) / 1000
const verifier = (now = seconds) => createVerifier({ issuer, audience: 'eleme', fetch: toGateway, now })

/** A till of eleme; what it sends passes `between`. */
function till({ client = 'eleme', between = toGateway, now = seconds } = {}) {
  const claims = createGatewayPassClaims({ issuer, token: () => world.tokenOf(client), fetch: between })
  return createPassDesk({ verifier: verifier(now), claims })
}
const outcome = (accepted: Promise<unknown>): Promise<unknown> =>
  accepted.then(
    () => 'accepted',
    error => error.code ?? error,
  )
const redeemed = async () =>
  (await activityOf(world.services, sold.member.id)).items.filter(({ action }) => action === 'pass-redeemed').length

describe('the gateway decides for all tills', () => {
  it('a second scan at the same till is refused, and so is one at another', async () => {
    const [one, two] = [till(), till()]
    const token = await show()
    expect((await one.accept(token)).has('eleme-5off')).toBe(true)
    expect(await outcome(one.accept(token))).toBe('pass-replayed')
    expect(await outcome(two.accept(token))).toBe('pass-replayed')
    expect(await outcome(one.accept(await show()))).toBe('accepted')
    expect(await redeemed()).toBe(2)
  })

  it('of eight scans at once, at one till and at two, one is accepted', async () => {
    const [one, two] = [till(), till()]
    const token = await show()
    const scans = Array.from({ length: 8 }, (_, scan) => outcome((scan % 2 ? one : two).accept(token)))
    const outcomes = await Promise.all(scans)
    expect(outcomes.toSorted()).toEqual(['accepted', ...Array.from({ length: 7 }, () => 'pass-replayed')])
    expect(await redeemed()).toBe(1)
  })

  it('an answer that was lost on the way is asked for again under the same id', async () => {
    const ids: string[] = []
    const lossy: Fetch = async (url, init) => {
      ids.push(JSON.parse(String(init.body)).id)
      const answer = await toGateway(url, init)
      if (ids.length % 3 === 1) throw new TypeError('fetch failed')
      return ids.length % 3 === 2 ? new Response('bad gateway', { status: 502 }) : answer
    }
    const desk = till({ between: lossy })
    const token = await show()
    expect(await outcome(desk.accept(token))).toBe('accepted')
    expect(ids).toHaveLength(3)
    expect(new Set(ids).size).toBe(1)
    expect(await redeemed()).toBe(1)
    expect(await outcome(desk.accept(token))).toBe('pass-replayed')
    expect(new Set(ids).size).toBe(2)
  })

  it('a till without a line says so, and the pass is as good as before', async () => {
    let tries = 0
    const away: Fetch = async () => {
      tries += 1
      throw new TypeError('fetch failed')
    }
    const token = await show()
    await expect(till({ between: away }).accept(token)).rejects.toMatchObject({
      code: 'pass-gateway-unavailable',
      temporary: true,
    })
    expect(tries).toBe(3)
    expect(await outcome(till().accept(token))).toBe('accepted')
  })
})

describe('what the gateway refuses is a refusal of the kit', () => {
  it('an expired pass, by the till whose clock is behind', async () => {
    const token = await show()
    const shownAt = seconds()
    world.clock.moveTo(new Date((shownAt + 70) * 1000).toISOString() as Instant)
    await expect(till({ now: () => shownAt }).accept(token)).rejects.toMatchObject({
      name: 'TokenRefused',
      code: 'pass-expired',
    })
  })

  it('a link that ended, and a token that is no pass', async () => {
    const token = await show()
    await unlink(world.services, { ...request, reason: 'member' })
    expect(await outcome(till().accept(token))).toBe('nothing-entitled')
    const claims = createGatewayPassClaims({ issuer, token: () => world.tokenOf('eleme'), fetch: toGateway })
    expect(await outcome(Promise.resolve(claims.claim('x', 0, 'no-pass')))).toBe('pass-not-found')
  })

  it('a till with the access of another partner, or with none, is told that the fault is its own', async () => {
    const token = await show()
    await expect(till({ client: 'youku' }).accept(token)).rejects.toMatchObject({
      name: 'PassClaimFailed',
      problem: { status: 403, code: 'not-yours' },
    })
    await expect(till({ client: 'alibaba' }).accept(token)).rejects.toMatchObject({
      problem: { code: 'insufficient-scope' },
    })
    expect(await outcome(till().accept(token))).toBe('accepted')
  })

  it('an access token that the gateway does not take is replaced once', async () => {
    const asked: (string | undefined)[] = []
    const token = async (refused?: string) => {
      asked.push(refused)
      return refused === undefined ? 'stale' : world.tokenOf('eleme')
    }
    const claims = createGatewayPassClaims({ issuer, token, fetch: toGateway })
    expect(await outcome(createPassDesk({ verifier: verifier(), claims }).accept(await show()))).toBe('accepted')
    expect(asked).toEqual([undefined, 'stale'])
    const never = createGatewayPassClaims({ issuer, token: async () => 'stale', fetch: toGateway })
    const desk = createPassDesk({ verifier: verifier(), claims: never })
    expect(await outcome(desk.accept(await show()))).toBe('caller-refused')
  })

  it.each([
    ['the sign-in page of a network', () => new Response('<html>', { status: 200 })],
    ['a redirect', () => new Response(null, { status: 302, headers: { location: 'https://portal.example/' } })],
    ['a 201 of somebody who does not know the id', () => Response.json({ id: 'till', pass: 'x' }, { status: 201 })],
    ['a 201 without a body', () => new Response(null, { status: 201 })],
    ['a refusal of somebody on the way', () => new Response('forbidden', { status: 403 })],
    ['too many requests', () => Response.json({ code: 'rate-limited' }, { status: 429 })],
  ])('%s accepts nothing', async (_, answer) => {
    const token = await show()
    expect(await outcome(till({ between: async () => answer() }).accept(token))).toBe('pass-gateway-unavailable')
    expect(await redeemed()).toBe(0)
  })
})

it('wrong options are told at once', () => {
  const token = async () => 'x'
  expect(() => createGatewayPassClaims({ issuer: 'http://gateway.example', token })).toThrow(TypeError)
  expect(() => createGatewayPassClaims({ issuer, token: 'x' as unknown as typeof token })).toThrow(TypeError)
  expect(() => createGatewayPassClaims({ issuer, token, timeoutMilliseconds: 1 })).toThrow(RangeError)
})
