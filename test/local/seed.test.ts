import { describe, expect, it } from 'vitest'
import { connect } from '../../functions/connect.ts'
import { isBefore, plusSeconds, testClock } from '../../functions/kernel/clock.ts'
import { partners } from '../../functions/local/demo.ts'
import { seed, seedStart } from '../../functions/local/seed.ts'
import { developmentVault } from '../../functions/tokens/vault.ts'
import { KeyPurpose } from '../../schemas/key.ts'
import { instant } from '../memberships/world.ts'
import { freshTable } from '../support/table.ts'

describe('the seed', () => {
  it.each([
    ['half an hour into a month', '2026-10-31T16:30:00Z'],
    ['in the middle of a month', '2026-11-15T04:00:00Z'],
  ])('leaves keys that can take over when asked, %s', { timeout: 60_000 }, async (_, text) => {
    const present = instant(text)
    const { table, tableName } = await freshTable()
    const clock = testClock(seedStart(present))
    const config = {
      TABLE_NAME: tableName,
      ISSUER: 'https://tessera.example',
      IDENTITY_ISSUER: 'https://identity.invalid',
      IDENTITY_CLIENT_ID: 'tessera',
      ALLOW_LOOPBACK: true,
      AWS_REGION: 'us-east-1',
    }
    const services = connect(config, { table, vault: developmentVault(), now: clock.now, log: () => undefined })
    const partnerIssuers = Object.fromEntries(partners.map(({ id }) => [id, `http://localhost/${id}`]))
    await seed({ services, clock, identityIssuer: 'https://identity.invalid', partnerIssuers, present })
    const held = await services.keys.held()
    for (const purpose of KeyPurpose.options.filter(one => one !== 'access' && one !== 'client')) {
      const next = held[purpose].find(({ activeFrom }) => !activeFrom)
      expect([purpose, held[purpose].length]).toEqual([purpose, 3])
      expect(next && isBefore(next.publishedAt, plusSeconds(present, -3600))).toBe(true)
    }
  })
})
