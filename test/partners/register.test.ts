import { describe, expect, it } from 'vitest'
import { z } from 'zod'
import { etagOf } from '../../functions/kernel/refusal.ts'
import { recordType } from '../../functions/kernel/table.ts'
import { findPartner, knownPartners, partnerRegistration } from '../../functions/partners/find-partner.ts'
import { registerPartner } from '../../functions/partners/register-partner.ts'
import { caller, membershipWorld, partnerDocument, race } from '../memberships/world.ts'

describe('a partner registration', () => {
  it('has its defaults, and its own id as its brand', async () => {
    const { needs } = await membershipWorld()
    expect(await findPartner(needs, 'youku')).toMatchObject({
      brand: 'youku',
      tokenTtlSeconds: 900,
      relinkCooldown: 'P30D',
      version: 1,
    })
  })

  it('shows its secret to nobody and stores it sealed to its own id', async () => {
    const { needs, table } = await membershipWorld()
    const [stored] = await table.all(recordType('any', z.looseObject({})), { partition: 'PARTNER#youku' })
    expect(JSON.stringify(stored)).not.toContain('youku-very-secret')
    expect(JSON.stringify(stored)).not.toContain(Buffer.from('youku-very-secret').toString('base64'))
    expect(JSON.stringify(await findPartner(needs, 'youku'))).not.toMatch(/secret|sealed|operator/i)
    expect((await partnerRegistration(needs, 'youku')).clientSecret).toBe('youku-very-secret')
    await expect(needs.vault.open(String(stored?.['sealedClientSecret']), { partner: 'eleme' })).rejects.toThrow()
  })

  it('keeps a secret that is not sent again, and takes a new one', async () => {
    const { needs } = await membershipWorld()
    const put = (change: object) => registerPartner(needs, { caller, document: partnerDocument('youku', change) })
    expect(await put({ clientSecret: undefined, tokenTtlSeconds: 60 })).toMatchObject({
      version: 2,
      tokenTtlSeconds: 60,
    })
    expect((await partnerRegistration(needs, 'youku')).clientSecret).toBe('youku-very-secret')
    await put({ clientSecret: 'another' })
    expect((await partnerRegistration(needs, 'youku')).clientSecret).toBe('another')
  })

  it('is changed by the brand that made it, at the version it knows', async () => {
    const { needs } = await membershipWorld()
    const document = partnerDocument('youku')
    await expect(registerPartner(needs, { caller: { brand: 'tencent' }, document })).rejects.toMatchObject({
      code: 'not-yours',
    })
    await expect(registerPartner(needs, { caller, document, ifMatch: etagOf(7) })).rejects.toMatchObject({
      code: 'version-mismatch',
    })
    expect(await registerPartner(needs, { caller, document, ifMatch: etagOf(1) })).toMatchObject({ version: 2 })
  })

  it('counts every one of rival changes', async () => {
    const { needs } = await membershipWorld()
    const { refused } = await race(
      [60, 70, 80, 90].map(
        tokenTtlSeconds => () =>
          registerPartner(needs, { caller, document: partnerDocument('youku', { tokenTtlSeconds }) }),
      ),
    )
    expect(refused).toEqual([])
    expect((await findPartner(needs, 'youku')).version).toBe(5)
  })

  it('is found by id, each once, and not found otherwise', async () => {
    const { needs } = await membershipWorld()
    const known = await knownPartners(needs, ['youku', 'tudou', 'youku', 'eleme'])
    expect(known.map(({ id }) => id).sort()).toEqual(['eleme', 'youku'])
    await expect(findPartner(needs, 'tudou')).rejects.toMatchObject({ code: 'partner-not-found' })
  })

  it.each([
    ['plain http', { issuer: 'http://youku.example' }],
    ['a query', { issuer: 'https://youku.example/?a=1' }],
    ['a user', { issuer: 'https://me:pw@youku.example' }],
    ['another scheme', { eventsEndpoint: 'ftp://youku.example' }],
    ['a token that lives too long', { tokenTtlSeconds: 3601 }],
    ['a token that lives too short', { tokenTtlSeconds: 59 }],
  ])('has no place for %s', (_, change) => {
    expect(() => partnerDocument('youku', change)).toThrow()
  })
})
