import { decodeJwt } from 'jose'
import { beforeEach, describe, expect, it } from 'vitest'
import { activityOf } from '../../functions/links/activity.ts'
import { issuePass } from '../../functions/passes/issue-pass.ts'
import { redeemPass } from '../../functions/passes/redeem-pass.ts'
import { keyRing } from '../../functions/tokens/keys.ts'
import { mint } from '../../functions/tokens/mint.ts'
import type { MemberId } from '../../schemas/ids.ts'
import type { PublicJwk } from '../../schemas/key.ts'
import { EntitlementTokenRequest } from '../../schemas/token.ts'
import { createPassDesk, createVerifier } from '../../sdk/index.ts'
import { membershipWorld, race } from '../memberships/world.ts'

const issuer = 'https://tessera.example'

async function passWorld(document: object = {}) {
  const world = await membershipWorld(document)
  const needs = { ...world.needs, issuer, keys: keyRing(world.needs) }
  const membership = await world.sellTo('lin')
  const link = await world.link('lin', 'lin@eleme', { partner: 'eleme' })
  const show = (partner = 'eleme') => issuePass(needs, { member: link.member, programme: '88vip', partner })
  const redeem = (token: string, id = 'till-1', partner = 'eleme') => redeemPass(needs, { partner, id, token })
  const log = async (member: MemberId = link.member) => (await activityOf(needs, member)).items
  return { ...world, needs, membership, member: link.member, linkId: link.id, show, redeem, log }
}
let world: Awaited<ReturnType<typeof passWorld>>
beforeEach(async () => {
  world = await passWorld()
})

const refusal = (promise: Promise<unknown>): Promise<unknown> =>
  promise.then(
    () => 'done',
    ({ code }) => code,
  )

describe('a pass', () => {
  it('is an entitlement token of the live link that lives for a minute', async () => {
    const pass = await world.show()
    const claims = decodeJwt(pass.token)
    expect(claims).toMatchObject({ aud: 'eleme', jti: pass.id, lnk: world.linkId })
    expect((claims.exp ?? 0) - (claims.iat ?? 0)).toBe(60)
    expect(pass).toMatchObject({
      link: world.linkId,
      issuedAt: '2026-10-01T00:00:00Z',
      expiresAt: '2026-10-01T00:01:00Z',
      entitlements: [{ bid: 'eleme-5off', rem: 4 }],
    })
  })

  it('is what the kit accepts offline, once', async () => {
    const keys = (await world.needs.keys.publicKeys()) as PublicJwk[]
    const verifier = createVerifier({
      issuer,
      audience: 'eleme',
      now: () => Date.parse('2026-10-01T00:00:30Z') / 1000,
      fetch: async () => Response.json({ keys }),
    })
    const desk = createPassDesk({ verifier })
    const { token } = await world.show()
    expect((await desk.accept(token)).entitlement('eleme-5off')?.remaining).toBe(4)
    expect(await refusal(desk.accept(token))).toBe('pass-replayed')
    const request = EntitlementTokenRequest.parse({ linkId: world.linkId })
    const lasting = await mint(world.needs, 'eleme', request)
    expect(await refusal(desk.accept(lasting.token))).toBe('pass-too-long')
  })

  it('never lives past the end of what it shows', async () => {
    world.moveTo('2027-09-30T15:59:40Z')
    const end = (await world.view(world.membership.id)).endsAt
    world.moveTo(new Date(Date.parse(end) - 20_000).toISOString())
    expect((await world.show()).expiresAt).toBe(end)
  })

  it('is another one each time', async () => {
    const [one, two] = [await world.show(), await world.show()]
    expect(one.id).not.toBe(two.id)
    await world.redeem(one.token, 'till-1')
    await world.redeem(two.token, 'till-2')
  })

  it('is not made where nothing is linked or live', async () => {
    expect(await refusal(world.show('youku'))).toBe('link-not-found')
    expect(await refusal(world.show('nobody'))).toBe('link-not-found')
    await world.act(world.membership.id, 'suspend')
    expect(await refusal(world.show())).toBe('nothing-entitled')
    await world.act(world.membership.id, 'resume')
    expect((await world.show()).entitlements).toHaveLength(1)
    await world.unlink('lin', 'eleme')
    expect(await refusal(world.show())).toBe('link-not-found')
  })
})

describe('redeeming', () => {
  it('answers what the link is entitled to, and the member finds it in the own log', async () => {
    const pass = await world.show()
    world.moveTo('2026-10-01T00:00:20Z')
    expect(await world.redeem(pass.token)).toEqual({
      id: 'till-1',
      pass: pass.id,
      linkId: world.linkId,
      entitlements: pass.entitlements,
      redeemedAt: '2026-10-01T00:00:20Z',
    })
    const [newest] = await world.log()
    expect(newest).toEqual({
      at: '2026-10-01T00:00:20Z',
      action: 'pass-redeemed',
      programme: '88vip',
      partner: 'eleme',
      link: world.linkId,
    })
  })

  it('the same id again gets the same answer, also long after', async () => {
    const { token } = await world.show()
    const first = await world.redeem(token)
    world.moveTo('2026-10-01T00:10:00Z')
    expect(await world.redeem(token)).toEqual(first)
    await world.unlink('lin', 'eleme')
    expect(await world.redeem(token)).toEqual(first)
    expect((await world.log()).filter(({ action }) => action === 'pass-redeemed')).toHaveLength(1)
  })

  it('another id is told when', async () => {
    const { token } = await world.show()
    await world.redeem(token)
    world.moveTo('2026-10-01T00:00:10Z')
    const again = world.redeem(token, 'till-2')
    await expect(again).rejects.toThrow('2026-10-01T00:00:00Z')
    expect(await refusal(world.redeem(token, 'till-2'))).toBe('pass-already-redeemed')
  })

  it('an id names one pass only, of its own partner', async () => {
    const [one, two] = [await world.show(), await world.show()]
    await world.redeem(one.token, 'till-1')
    expect(await refusal(world.redeem(two.token, 'till-1'))).toBe('idempotency-key-reused')
    // Nothing was redeemed by that.
    expect((await world.redeem(two.token, 'till-2')).pass).toBe(two.id)
    await world.link('lin', 'lin@youku', { partner: 'youku' })
    expect((await world.redeem((await world.show('youku')).token, 'till-1', 'youku')).id).toBe('till-1')
  })

  it.each([
    ['at its last second', '2026-10-01T00:01:00Z', 'done'],
    ['four seconds later', '2026-10-01T00:01:04Z', 'done'],
    ['five seconds later', '2026-10-01T00:01:05Z', 'pass-expired'],
    ['a day later', '2026-10-02T00:00:00Z', 'pass-expired'],
  ])('%s', async (_, at, expected) => {
    const { token } = await world.show()
    world.moveTo(at)
    expect(await refusal(world.redeem(token))).toBe(expected)
  })

  it('another partner gets nothing and burns nothing', async () => {
    const { token } = await world.show()
    expect(await refusal(world.redeem(token, 'till-1', 'youku'))).toBe('not-yours')
    expect(await refusal(world.redeem(token))).toBe('done')
  })

  it('an ordinary entitlement token is no pass', async () => {
    const request = EntitlementTokenRequest.parse({ linkId: world.linkId })
    const { token } = await mint(world.needs, 'eleme', request)
    await expect(world.redeem(token)).rejects.toMatchObject({ code: 'pass-not-found' })
  })

  it('what this gateway did not sign as such is no pass', async () => {
    const { token } = await world.show()
    const [header = '', payload = '', signature = ''] = token.split('.')
    const [, other = ''] = (await world.show()).token.split('.')
    const part = (value: object) => Buffer.from(JSON.stringify(value)).toString('base64url')
    const claims = decodeJwt(token)
    const elsewhere = keyRing((await membershipWorld()).needs)
    const sign = (typ: string, changed: object = {}) =>
      world.needs.keys.sign('entitlement', typ, { ...claims, ...changed })
    for (const forged of [
      'x',
      'a.b.c',
      'https://pay.example/?code=1',
      '🎫'.repeat(100),
      `${header}.${other}.${signature}`,
      `${part({ alg: 'none', typ: 'benefit-entitlement+jwt' })}.${payload}.`,
      `${part({ alg: 'HS256', typ: 'benefit-entitlement+jwt' })}.${payload}.${signature}`,
      await elsewhere.sign('entitlement', 'benefit-entitlement+jwt', claims),
      await world.needs.keys.sign('access', 'benefit-entitlement+jwt', claims),
      await sign('at+jwt'),
      await sign('benefit-entitlement+jwt', { iss: 'https://other.example' }),
      await sign('benefit-entitlement+jwt', { aud: ['eleme'] }),
      await sign('benefit-entitlement+jwt', { ver: '2' }),
    ])
      expect(await refusal(world.redeem(forged)), forged.slice(0, 40)).toBe('pass-not-found')
    expect(await refusal(world.redeem(token))).toBe('done')
  })

  it('a link or a benefit that ended meanwhile gives nothing', async () => {
    const { token } = await world.show()
    await world.act(world.membership.id, 'suspend')
    expect(await refusal(world.redeem(token))).toBe('nothing-entitled')
    await world.act(world.membership.id, 'resume')
    const other = await world.show()
    await world.unlink('lin', 'eleme')
    expect(await refusal(world.redeem(token))).toBe('nothing-entitled')
    expect(await refusal(world.redeem(other.token, 'till-2'))).toBe('nothing-entitled')
    expect((await world.log()).map(({ action }) => action)).not.toContain('pass-redeemed')
  })
})

describe('at the same time', () => {
  it('of two tills exactly one wins', async () => {
    for (let round = 0; round < 5; round++) {
      const { token, id } = await world.show()
      const tills = [1, 2, 3, 4].map(till => () => world.redeem(token, `round-${round}-till-${till}`))
      const { won, refused } = await race(tills)
      expect(won).toMatchObject([{ pass: id }])
      expect(refused).toEqual(['pass-already-redeemed', 'pass-already-redeemed', 'pass-already-redeemed'])
    }
    expect((await world.log()).filter(({ action }) => action === 'pass-redeemed')).toHaveLength(5)
  })

  it('of one till that asks four times all get the one answer', async () => {
    const { token } = await world.show()
    const { won, refused } = await race([1, 2, 3, 4].map(() => () => world.redeem(token)))
    expect(refused).toEqual([])
    expect(new Set(won.map(answer => JSON.stringify(answer))).size).toBe(1)
    expect((await world.log()).filter(({ action }) => action === 'pass-redeemed')).toHaveLength(1)
  })

  it('of two passes under one id one wins', async () => {
    const [one, two] = [await world.show(), await world.show()]
    const { won, refused } = await race(
      [one, two].map(
        ({ token }) =>
          () =>
            world.redeem(token),
      ),
    )
    expect(won).toHaveLength(1)
    expect(refused).toEqual(['idempotency-key-reused'])
  })

  it('unlinking is before or after, never beside', async () => {
    for (let round = 0; round < 4; round++) {
      const fresh = await passWorld()
      const { token } = await fresh.show()
      const [redeemed] = await Promise.allSettled([fresh.redeem(token), fresh.unlink('lin', 'eleme')])
      const told = (await fresh.log()).map(({ action }) => action)
      if (redeemed.status === 'rejected') expect(redeemed.reason).toMatchObject({ code: 'nothing-entitled' })
      expect(told.includes('pass-redeemed')).toBe(redeemed.status === 'fulfilled')
      expect(told).toContain('unlinked')
    }
  })
})
