import { describe, expect, it } from 'vitest'
import { accessTokenTtlSeconds } from '../../functions/oauth/verify-access.ts'
import { publishedOf, viewsOf } from '../../functions/tokens/key-lifecycle.ts'
import { PartnerDocument } from '../../schemas/partner.ts'
import { statusListLifetimeSeconds } from '../../schemas/status-list.ts'
import { at, day, keysOf, kids, statesAt } from './key-world.ts'

describe('the state of a key follows from its times', () => {
  const rotated = keysOf([{ active: 0 }, { active: 1000 }, { published: 400 }])
  it.each([
    ['before the first key is active, by a clock that lags', -1, ['current', 'next', 'next']],
    ['while a rotation is under way', 999, ['current', 'next', 'next']],
    ['at the very instant of the change', 1000, ['retired', 'current', 'next']],
    ['long after it', 10 * day, ['retired', 'current', 'next']],
  ])('%s', (_, seconds, states) => {
    expect(statesAt(rotated, seconds)).toEqual(states)
  })

  it('a withdrawn key is retired, and none from before it comes back by a clock that lags', () => {
    const keys = keysOf([{ active: 0 }, { active: 1000, withdrawn: 2000 }, { active: 2000 }, { published: 2000 }])
    for (const seconds of [1500, 1999, 2000, 9000])
      expect(statesAt(keys, seconds)).toEqual(['retired', 'retired', 'current', 'next'])
  })

  it('a key that was withdrawn before it was to sign is retired, and takes the place of none', () => {
    const keys = keysOf([{ active: 0 }, { withdrawn: 100 }, { published: 100, active: 5000 }, { published: 200 }])
    expect(statesAt(keys, 4999)).toEqual(['current', 'retired', 'next', 'next'])
    expect(statesAt(keys, 5000)).toEqual(['retired', 'retired', 'current', 'next'])
    const [first, second] = viewsOf(keys, at(4999))
    expect([first?.retiredAt, first?.publishedUntil]).toEqual([at(5000), at(5000 + 3600 + 120)])
    expect([second?.retiredAt, second?.publishedUntil]).toEqual([at(100), at(100)])
    expect(kids(publishedOf(keys, at(5000)))).toEqual(['k3', 'k4', 'k1'])
  })
})

describe('what is published', () => {
  it.each([
    ['entitlement', 3600],
    ['status-list', statusListLifetimeSeconds],
    ['access', accessTokenTtlSeconds],
    ['event', 30 * day],
  ] as const)('keeps a retired %s key until the last of what it signed is dead', (purpose, lifetime) => {
    const keys = keysOf([{ active: 0 }, { active: 1000 }], purpose)
    const isThere = (seconds: number) => kids(publishedOf(keys, at(seconds))).includes('k1')
    // An instance that learns of the change 60 s late still signs with it.
    expect(isThere(1000 + 60 + lifetime)).toBe(true)
    expect(isThere(1000 + lifetime + 3600)).toBe(false)
  })

  it('allows for the longest life that a partner may choose', () => {
    const document = { id: 'a', name: 'a', category: 'c', issuer: 'https://a.example', clientId: 'a' }
    const fits = (tokenTtlSeconds: number) => PartnerDocument.safeParse({ ...document, tokenTtlSeconds }).success
    expect([fits(3600), fits(3601)]).toEqual([true, false])
  })

  it('keeps the keys of statements and receipts for ever', () => {
    const keys = keysOf([{ active: 0 }, { active: 1000 }], 'statement')
    expect(kids(publishedOf(keys, at(36_500 * day)))).toEqual(['k2', 'k1'])
  })

  it('has the current key first, then the next ones, and no withdrawn one', () => {
    const keys = keysOf([{ active: 0, withdrawn: 50 }, { active: 50 }, { active: 1000 }, { active: 9000 }, {}])
    expect(kids(publishedOf(keys, at(1500)))).toEqual(['k3', 'k4', 'k5', 'k2'])
  })
})
