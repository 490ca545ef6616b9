import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { epochMilliseconds, plusSeconds } from '../../functions/kernel/clock.ts'
import { accessTokenTtlSeconds } from '../../functions/oauth/verify-access.ts'
import {
  currentOf,
  decideRotation,
  isDue,
  nextChangeOf,
  policies,
  publishedOf,
  stateOf,
  viewsOf,
} from '../../functions/tokens/key-lifecycle.ts'
import { KeyPurpose, type KeyRecord } from '../../schemas/key.ts'
import { PartnerDocument } from '../../schemas/partner.ts'
import { statusListLifetimeSeconds } from '../../schemas/status-list.ts'
import { instant } from '../memberships/world.ts'

const start = instant('2026-10-01T00:00:00Z')
const at = (seconds: number) => plusSeconds(start, seconds)
const day = 86_400

type Times = { published?: number; active?: number; withdrawn?: number }
/** Keys 1, 2, … of a purpose, with their times in seconds after the start. */
const keysOf = (times: Times[], purpose: KeyPurpose = 'entitlement'): KeyRecord[] =>
  times.map(({ published = 0, active, withdrawn }, index) => {
    const kid = `k${index + 1}`
    return {
      purpose,
      sequence: index + 1,
      kid,
      publicJwk: { kty: 'EC', crv: 'P-256', x: kid, y: kid, kid, use: 'sig', alg: 'ES256', purpose },
      sealed: '',
      publishedAt: at(published),
      ...(active !== undefined && { activeFrom: at(active) }),
      ...(withdrawn !== undefined && { withdrawnAt: at(withdrawn) }),
    }
  })
const kids = (keys: KeyRecord[]) => keys.map(({ kid }) => kid)
const statesAt = (keys: KeyRecord[], seconds: number) => keys.map(key => stateOf(key, keys, at(seconds)))

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

describe('a rotation', () => {
  const decide = (keys: KeyRecord[], seconds: number, more: { emergency?: boolean; replaces?: string } = {}) =>
    decideRotation(keys, {
      now: at(seconds),
      emergency: more.emergency ?? false,
      replaces: more.replaces ?? currentOf(keys, at(seconds))?.kid,
    })
  const outcome = (rotation: ReturnType<typeof decide>) =>
    rotation && {
      ...Object.fromEntries(
        rotation.changes.map(({ after }) => [
          after.kid,
          after.withdrawnAt ? ['withdrawn', after.withdrawnAt] : ['active', after.activeFrom],
        ]),
      ),
      next: rotation.nextSequence,
    }

  it('waits until the next key has been published for longer than caches live', () => {
    const keys = keysOf([{ active: 0 }, { published: 0 }])
    expect(outcome(decide(keys, 10))).toEqual({ k2: ['active', at(600)], next: 3 })
    expect(outcome(decide(keys, 599))).toEqual({ k2: ['active', at(600)], next: 3 })
    expect(outcome(decide(keys, day))).toEqual({ k2: ['active', at(day)], next: 3 })
    for (const { publishSeconds } of Object.values(policies)) expect(publishSeconds).toBeGreaterThan(300 + 60)
  })

  it('changes nothing while one is under way, nor where a rival has done it', () => {
    const scheduled = keysOf([{ active: 0 }, { active: 600 }, { published: 10 }])
    expect(decide(scheduled, 599)).toBeUndefined()
    expect(decide(scheduled, 601, { replaces: 'k1' })).toBeUndefined()
    expect(decide(scheduled, 659)).toBeUndefined()
    expect(outcome(decide(scheduled, 660))).toEqual({ k3: ['active', at(660)], next: 4 })
  })

  it('asked for again within a minute changes nothing, but an emergency after a planned one does', () => {
    const rotated = keysOf([{ active: 0 }, { active: 5000 }, { published: 5000 }])
    expect(decide(rotated, 5059)).toBeUndefined()
    expect(outcome(decide(rotated, 5059, { emergency: true }))).toMatchObject({ k2: ['withdrawn', at(5059)] })
    const withdrawn = keysOf([{ active: 0, withdrawn: 5000 }, { active: 5000 }, { published: 5000 }])
    expect(decide(withdrawn, 5059, { emergency: true })).toBeUndefined()
    expect(outcome(decide(withdrawn, 5060, { emergency: true }))).toMatchObject({ k2: ['withdrawn', at(5060)] })
  })

  it('in an emergency withdraws the current key, and lets the next one sign at once', () => {
    const emergency = true
    const fresh = keysOf([{ active: 0 }, { published: 9 }])
    expect(outcome(decide(fresh, 10, { emergency }))).toEqual({
      k1: ['withdrawn', at(10)],
      k2: ['active', at(10)],
      next: 3,
    })
    const scheduled = keysOf([{ active: 0 }, { active: 600 }, { published: 10 }])
    expect(outcome(decide(scheduled, 20, { emergency }))).toEqual({
      k1: ['withdrawn', at(20)],
      k2: ['active', at(20)],
      next: undefined,
    })
  })

  it('in an emergency withdraws the key it was about, also where a rival has retired it meanwhile', () => {
    const keys = keysOf([{ active: 0 }, { active: 600 }, { published: 10 }])
    expect(outcome(decide(keys, 700, { emergency: true, replaces: 'k1' }))).toEqual({ k1: ['withdrawn', at(700)] })
    const done = keysOf([{ active: 0, withdrawn: 650 }, { active: 600 }, { published: 10 }])
    expect(decide(done, 700, { emergency: true, replaces: 'k1' })).toBeUndefined()
  })

  it('is due at the age of the purpose, once', () => {
    const keys = keysOf([{ active: 0 }, {}])
    expect([isDue('entitlement', keys, at(30 * day - 1)), isDue('entitlement', keys, at(30 * day))]).toEqual([
      false,
      true,
    ])
    const statements = keysOf([{ active: 0 }, {}], 'statement')
    expect([364, 365].map(days => isDue('statement', statements, at(days * day)))).toEqual([false, true])
    const underWay = keysOf([{ active: 0 }, { active: 31 * day }, {}])
    expect(isDue('entitlement', underWay, at(30 * day + 1))).toBe(false)
    expect(isDue('entitlement', [], at(0))).toBe(false)
  })
})

describe('whatever the history', () => {
  const step = fc.record({ seconds: fc.integer({ min: 0, max: 5000 }), emergency: fc.boolean(), rotate: fc.boolean() })
  const history = fc.array(step, { maxLength: 30 })
  const purposes = fc.constantFrom(...KeyPurpose.options)

  /** Plays the steps and looks at the keys after each, also one second before and after every instant that counts. */
  function play(purpose: KeyPurpose, steps: { seconds: number; emergency: boolean; rotate: boolean }[]) {
    let keys = keysOf([{ active: 0 }, {}], purpose)
    let seconds = 0
    const seen: { keys: KeyRecord[]; seconds: number }[] = []
    for (const { seconds: passed, emergency, rotate } of steps) {
      seconds += passed
      const now = at(seconds)
      const replaces = currentOf(keys, now)?.kid
      const rotation = rotate ? decideRotation(keys, { now, emergency, replaces }) : undefined
      for (const { after } of rotation?.changes ?? []) keys = keys.with(after.sequence - 1, after)
      if (rotation?.nextSequence) {
        const [key] = keysOf([{ published: seconds }], purpose)
        const kid = `k${rotation.nextSequence}`
        if (key) keys = [...keys, { ...key, kid, sequence: rotation.nextSequence }]
      }
      seen.push({ keys, seconds })
    }
    return seen
  }

  it('one key signs, it is published, and the one that follows is known before', () => {
    fc.assert(
      fc.property(purposes, history, (purpose, steps) => {
        for (const { keys, seconds } of play(purpose, steps)) {
          const states = statesAt(keys, seconds)
          expect(states.filter(state => state === 'current')).toHaveLength(1)
          expect(states.indexOf('current')).toBeLessThan(states.lastIndexOf('next'))
          const published = publishedOf(keys, at(seconds))
          expect(published[0]).toBe(currentOf(keys, at(seconds)))
          expect(keys.filter(key => !key.activeFrom)).toHaveLength(1)
          expect(published.some(key => key.withdrawnAt)).toBe(false)
          expect(keys.map(({ sequence }) => sequence)).toEqual(keys.map((_, index) => index + 1))
        }
      }),
    )
  })

  it('without an emergency no key signs that was not published for its time, and none goes too early', () => {
    fc.assert(
      fc.property(purposes, history, (purpose, steps) => {
        const calm = steps.map(one => ({ ...one, emergency: false }))
        const { retainSeconds = Number.POSITIVE_INFINITY } = policies[purpose]
        for (const { keys, seconds } of play(purpose, calm)) {
          const views = viewsOf(keys, at(seconds))
          for (const { sequence, activeFrom, publishedAt } of views)
            if (sequence > 1 && activeFrom)
              expect(epochMilliseconds(activeFrom) - epochMilliseconds(publishedAt)).toBeGreaterThanOrEqual(600_000)
          for (const { kid, retiredAt } of views) {
            const alive =
              !retiredAt || epochMilliseconds(at(seconds)) < epochMilliseconds(retiredAt) + retainSeconds * 1000
            expect([kid, kids(publishedOf(keys, at(seconds))).includes(kid)]).toEqual([kid, alive])
          }
        }
      }),
    )
  })

  it('nothing changes before the next change', () => {
    fc.assert(
      fc.property(purposes, history, (purpose, steps) => {
        for (const { keys, seconds } of play(purpose, steps)) {
          const now = at(seconds)
          const until = nextChangeOf(keys, now)
          if (until === Number.POSITIVE_INFINITY) continue
          const justBefore = instant(new Date(until - 1).toISOString())
          expect(currentOf(keys, justBefore)).toBe(currentOf(keys, now))
          expect(publishedOf(keys, justBefore)).toEqual(publishedOf(keys, now))
        }
      }),
    )
  })
})
