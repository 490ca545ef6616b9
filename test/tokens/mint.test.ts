import fc from 'fast-check'
import { decodeJwt, decodeProtectedHeader } from 'jose'
import { describe, expect, it } from 'vitest'
import { countedWrite } from '../../functions/entitlements/store.ts'
import { epochSeconds } from '../../functions/kernel/clock.ts'
import { keyRing } from '../../functions/tokens/keys.ts'
import { claimsOf, claimsOfLink, mint } from '../../functions/tokens/mint.ts'
import type { LinkRecord } from '../../schemas/link.ts'
import { EntitlementTokenClaims, EntitlementTokenRequest } from '../../schemas/token.ts'
import { instant, membershipWorld, plan, standing } from '../memberships/world.ts'

const id = (prefix: string, number: number) => `${prefix}_${String(number).padStart(26, '0')}`
const held = (number: number, change: object = {}) => ({
  id: id('ent', number),
  membership: id('mbr', 1),
  benefit: `benefit-${number}`,
  kind: 'access',
  state: 'active',
  validFrom: '2026-10-01T00:00:00Z',
  validUntil: '2026-11-01T00:00:00Z',
  timeZone: 'Asia/Shanghai',
  ...change,
})
const link = (entitlements: object[], change: object = {}) =>
  ({
    id: id('lnk', 1),
    partner: 'youku',
    subject: id('sub', 1),
    state: 'active',
    seq: 7,
    status: { list: 7, index: 104_729 },
    entitlements,
    ...change,
  }) as unknown as LinkRecord
const at = (text: string, ttlSeconds = 900) => ({
  issuer: 'https://t.example',
  now: instant(text),
  tokenId: 'jti-1',
  ttlSeconds,
})

describe('claims of a token', () => {
  it('say who, for whom, what and until when', () => {
    const claims = claimsOf(link([held(1, { limits: { streams: 2 } })]), {}, at('2026-10-02T00:00:00Z'))
    expect(EntitlementTokenClaims.parse(claims)).toEqual({
      iss: 'https://t.example',
      sub: id('sub', 1),
      aud: 'youku',
      iat: 1790899200,
      nbf: 1790899200,
      exp: 1790900100,
      jti: 'jti-1',
      ver: '1',
      lnk: id('lnk', 1),
      seq: 7,
      ent: [{ id: id('ent', 1), bid: 'benefit-1', st: 'active', vu: 1793491200, lim: { streams: 2 } }],
      status: { status_list: { idx: 104_729, uri: 'https://t.example/status-lists/youku/7' } },
    })
  })

  it.each<[string, object, object | undefined]>([
    ['the last second', {}, { st: 'active' }],
    ['ending', { state: 'ending' }, { st: 'ending' }],
    ['pending', { state: 'pending' }, undefined],
    ['suspended', { state: 'suspended' }, undefined],
    ['offered', { state: 'offered' }, undefined],
    ['past its end', { validUntil: '2026-10-31T23:59:59Z' }, undefined],
    ['past its end by a fraction', { validUntil: '2026-10-31T23:59:59.999Z' }, undefined],
    [
      'in grace before the timer',
      { validUntil: '2026-10-30T00:00:00Z', graceUntil: '2026-11-07T00:00:00Z' },
      { st: 'ending', vu: 1794009600 },
    ],
    ['past its grace', { validUntil: '2026-10-01T00:00:00Z', graceUntil: '2026-10-08T00:00:00Z' }, undefined],
  ])('show an entitlement %s', (_, change, expected) => {
    const claims = claimsOf(link([held(1, change)]), {}, at('2026-10-31T23:59:59Z'))
    if (!expected) expect(claims).toBeUndefined()
    else expect(claims?.ent).toMatchObject([expected])
  })

  it('are never made without a bit by which they could be taken back', () => {
    const unlisted = link([held(1)], { status: undefined })
    expect(() => claimsOf(unlisted, {}, at('2026-10-02T00:00:00Z'))).toThrow(/status index/)
    expect(claimsOf({ ...unlisted, entitlements: [] }, {}, at('2026-10-02T00:00:00Z'))).toBeUndefined()
  })

  it.each(['ended', 'broken'])('are none for a link that is %s', state => {
    expect(claimsOf(link([held(1)], { state }), {}, at('2026-10-02T00:00:00Z'))).toBeUndefined()
  })

  it('never outlive an entitlement, and are never empty', () => {
    const when = fc
      .integer({ min: 0, max: 90 * 86_400_000 })
      .map(offset => instant(new Date(Date.UTC(2026, 9, 1) + offset).toISOString()))
    const some = fc.record({
      state: fc.constantFrom('active', 'ending', 'pending', 'suspended', 'offered'),
      validUntil: when,
      graceUntil: fc.option(when, { nil: undefined }),
    })
    fc.assert(
      fc.property(fc.array(some, { maxLength: 4 }), when, fc.integer({ min: 60, max: 3600 }), (list, now, ttl) => {
        const entitlements = list.map((change, number) => held(number, change))
        const claims = claimsOf(link(entitlements), {}, at(now, ttl))
        const iat = epochSeconds(now)
        if (!claims) return
        EntitlementTokenClaims.parse(claims)
        expect(claims.exp).toBeGreaterThan(iat)
        expect(claims.exp - iat).toBeLessThanOrEqual(ttl)
        for (const { id: shown, vu } of claims.ent) {
          const source = entitlements.find(one => one.id === shown) as ReturnType<typeof held> & { graceUntil?: string }
          expect(claims.exp).toBeLessThanOrEqual(vu)
          expect(
            [source.validUntil, source.graceUntil].map(end => end && Math.floor(Date.parse(end) / 1000)),
          ).toContain(vu)
        }
      }),
    )
  })
})

async function minting(document: object = {}, partners: object = {}) {
  const world = await membershipWorld(document, partners)
  const { needs } = world
  const keys = keyRing(needs)
  const ask = (partner: string, request: object) =>
    mint({ ...needs, keys, issuer: 'https://t.example' }, partner, EntitlementTokenRequest.parse(request))
  return { world, ask }
}
const code = (name: string) => ({ name: 'Refusal', code: name })

describe('a token from the store', () => {
  it('is for the partner of the link, by link or by account', async () => {
    const { world, ask } = await minting({}, { tokenTtlSeconds: 120 })
    await world.sellTo('lin')
    const made = await world.link('lin', 'y-lin')
    const { token, expiresAt, entitlements } = await ask('youku', { linkId: made.id })
    expect(decodeProtectedHeader(token)).toMatchObject({ alg: 'ES256', typ: 'benefit-entitlement+jwt' })
    expect(decodeJwt(token)).toMatchObject({ aud: 'youku', lnk: made.id, sub: made.subject, seq: made.seq })
    expect(expiresAt).toBe('2026-10-01T00:02:00Z')
    expect(entitlements).toMatchObject([{ bid: 'youku-vip', st: 'active', lim: { streams: 2 } }])
    const other = await ask('youku', { account: 'y-lin' })
    expect(decodeJwt(other.token)['lnk']).toBe(made.id)
    expect(decodeJwt(other.token)['jti']).not.toBe(decodeJwt(token)['jti'])
    await expect(ask('eleme', { linkId: made.id })).rejects.toMatchObject(code('link-not-found'))
    await expect(ask('eleme', { account: 'y-lin' })).rejects.toMatchObject(code('link-not-found'))
    await expect(ask('youku', { linkId: id('lnk', 9) })).rejects.toMatchObject(code('link-not-found'))
  })

  it('says what the claims of its link are, which another partner does not get', async () => {
    const { world, ask } = await minting()
    await world.sellTo('lin')
    const { id: linkId } = await world.link('lin', 'y-lin')
    const needs = { ...world.needs, issuer: 'https://t.example' }
    const { jti, ...claims } = decodeJwt((await ask('youku', { linkId })).token)
    expect(await claimsOfLink(needs, 'youku', linkId)).toEqual({
      ...claims,
      jti: expect.not.stringMatching(String(jti)),
    })
    expect(await claimsOfLink(needs, 'eleme', linkId)).toBe('link-not-found')
    await world.unlink('lin')
    expect(await claimsOfLink(needs, 'youku', linkId)).toBe('nothing-entitled')
  })

  it('ends with the term before any timer, and is refused afterwards', async () => {
    const { world, ask } = await minting({ plans: [plan({ term: 'P1M' })] })
    await world.sellTo('lin')
    const { id: linkId } = await world.link('lin', 'y-lin')
    world.moveTo('2026-10-31T23:59:50Z')
    expect(await ask('youku', { linkId })).toMatchObject({ expiresAt: '2026-11-01T00:00:00Z' })
    world.moveTo('2026-11-01T00:00:00Z')
    await expect(ask('youku', { linkId })).rejects.toMatchObject(code('nothing-entitled'))
  })

  it('is refused while suspended, after a refund, and after unlinking', async () => {
    const { world, ask } = await minting()
    const { id: membership } = await world.sellTo('lin')
    const { id: linkId } = await world.link('lin', 'y-lin')
    await world.act(membership, 'suspend')
    await expect(ask('youku', { linkId })).rejects.toMatchObject(code('nothing-entitled'))
    await world.act(membership, 'resume')
    expect(decodeJwt((await ask('youku', { linkId })).token)['seq']).toBe(3)
    await world.act(membership, 'refund')
    await expect(ask('youku', { linkId })).rejects.toMatchObject(code('nothing-entitled'))
    await world.unlink('lin')
    await expect(ask('youku', { linkId })).rejects.toMatchObject(code('nothing-entitled'))
    await expect(ask('youku', { account: 'y-lin' })).rejects.toMatchObject(code('link-not-found'))
  })

  it('tells what remains of the allowance of this month', async () => {
    const { world, ask } = await minting()
    const { id: membership } = await world.sellTo('lin')
    const made = await world.link('lin', 'e-lin', { partner: 'eleme' })
    const entitlement = await standing(world, membership, 'eleme-5off')
    if (!entitlement) throw new Error('no entitlement')
    const quotas = { [entitlement.id]: { used: { '2026-10': 3 } } }
    await world.table.write(countedWrite({ link: made.id, partner: 'eleme', quotas }, undefined))
    expect((await ask('eleme', { linkId: made.id })).entitlements).toMatchObject([{ rem: 1 }])
    world.moveTo('2026-10-31T16:00:00Z')
    expect((await ask('eleme', { linkId: made.id })).entitlements).toMatchObject([{ rem: 4 }])
  })

  it('asks for the programme where the account has links in several', async () => {
    const { world, ask } = await minting()
    await world.apply({ id: 'silver', benefits: [{ ...(await world.apply()).benefits[0], id: 'youku-kids' }] })
    await world.sellTo('lin')
    await world.sellTo('wu', { programme: 'silver' })
    await world.link('lin', 'shared')
    const silver = await world.link('wu', 'shared', { programme: 'silver' })
    await expect(ask('youku', { account: 'shared' })).rejects.toMatchObject(code('programme-ambiguous'))
    const { token } = await ask('youku', { account: 'shared', programme: 'silver' })
    expect(decodeJwt(token)['lnk']).toBe(silver.id)
  })
})
