import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { isBefore } from '../../functions/kernel/clock.ts'
import { act, erased, nextDue, renewed, termFrom } from '../../functions/memberships/lifecycle.ts'
import type { Membership, MembershipVerb } from '../../schemas/membership.ts'
import { Plan } from '../../schemas/programme.ts'
import { instant, plan } from './world.ts'

const at = instant('2026-11-01T00:00:00Z')
const graceful = Plan.parse(plan({ trial: 'P7D', grace: 'P7D' }))
const membership = (change: object = {}): Membership =>
  ({
    id: 'mbr_00000000000000000000000001',
    programme: '88vip',
    programmeVersion: 1,
    plan: 'annual',
    member: 'mem_00000000000000000000000001',
    state: 'active',
    cancelAtEnd: false,
    startsAt: '2026-10-01T00:00:00Z',
    endsAt: '2027-10-01T00:00:00Z',
    trialEndsAt: '2026-10-08T00:00:00Z',
    graceEndsAt: '2027-10-08T00:00:00Z',
    changedAt: '2026-10-01T00:00:00Z',
    paid: { amountMinor: 8800, currency: 'CNY' },
    externalId: 'order-1',
    createdAt: '2026-10-01T00:00:00Z',
    version: 1,
    entitlements: [],
    ...change,
  }) as unknown as Membership
const suspended = (from: string) => membership({ state: 'suspended', suspendedFrom: from })
const ended = (reason: string) => membership({ state: 'ended', endedReason: reason, endedAt: at })

describe('fraud', () => {
  const isFraud = true
  it('ends a membership as such, again without a change, and none that is over otherwise', () => {
    const over = act(suspended('active'), 'refund', at, { isFraud })
    expect(over).toMatchObject({ state: 'ended', endedReason: 'fraud', endedAt: at })
    expect(over).not.toHaveProperty('suspendedFrom')
    expect(act(over, 'refund', instant('2026-11-02T00:00:00Z'), { isFraud })).toBe(over)
    expect(() => act(ended('refunded'), 'refund', at, { isFraud })).toThrow('refunded')
  })
  it('suspends like any other reason', () => {
    expect(act(membership(), 'suspend', at, { isFraud })).toEqual(act(membership(), 'suspend', at))
  })
})

describe('an erasure', () => {
  it.each(['trialing', 'active', 'grace', 'suspended'])('ends one that is %s', state => {
    expect(erased(membership({ state }), at)).toMatchObject({ state: 'ended', endedReason: 'erased', endedAt: at })
  })
  it('leaves one that is over as it is', () => {
    const over = ended('refunded')
    expect(erased(over, at)).toBe(over)
  })
})

describe('what an action makes of each state', () => {
  const same = 'same'
  const refused = 'wrong-state'
  it.each<[string, Membership, Exclude<MembershipVerb, 'renew'>, object | string]>([
    ['trialing', membership({ state: 'trialing' }), 'suspend', { state: 'suspended', suspendedFrom: 'trialing' }],
    ['active', membership(), 'suspend', { state: 'suspended', suspendedFrom: 'active' }],
    ['grace', membership({ state: 'grace' }), 'suspend', { state: 'suspended', suspendedFrom: 'grace' }],
    ['suspended', suspended('active'), 'suspend', same],
    ['ended', ended('expired'), 'suspend', refused],
    ['suspended', suspended('active'), 'resume', { state: 'active', suspendedFrom: undefined }],
    ['suspended in trial', suspended('trialing'), 'resume', { state: 'trialing' }],
    ['active', membership(), 'resume', same],
    ['ended', ended('expired'), 'resume', refused],
    ['trialing', membership({ state: 'trialing' }), 'cancel', { state: 'trialing', cancelAtEnd: true }],
    ['active', membership(), 'cancel', { state: 'active', cancelAtEnd: true }],
    ['cancelled', membership({ cancelAtEnd: true }), 'cancel', same],
    ['grace', membership({ state: 'grace' }), 'cancel', { state: 'ended', endedReason: 'cancelled', endedAt: at }],
    ['suspended', suspended('active'), 'cancel', { state: 'suspended', cancelAtEnd: true }],
    ['suspended in grace', suspended('grace'), 'cancel', { state: 'ended', endedReason: 'cancelled' }],
    ['ended by a cancellation', ended('cancelled'), 'cancel', same],
    ['ended otherwise', ended('refunded'), 'cancel', refused],
    ['active', membership(), 'refund', { state: 'ended', endedReason: 'refunded', endedAt: at }],
    ['suspended', suspended('active'), 'refund', { state: 'ended', endedReason: 'refunded', suspendedFrom: undefined }],
    ['refunded', ended('refunded'), 'refund', same],
    ['ended otherwise', ended('expired'), 'refund', refused],
    ['ended as fraud', ended('fraud'), 'refund', refused],
  ])('%s', (_, before, verb, expected) => {
    if (expected === refused) expect(() => act(before, verb, at)).toThrow(expect.objectContaining({ code: refused }))
    else if (expected === same) expect(act(before, verb, at)).toBe(before)
    else expect({ suspendedFrom: undefined, ...act(before, verb, at) }).toMatchObject(expected as object)
  })
})

describe('a renewal', () => {
  it.each(['trialing', 'active', 'grace'])('adds a term to the end of the present one: %s', state => {
    const before = membership({ state, cancelAtEnd: true })
    const after = renewed(before, graceful, 'Asia/Shanghai', 3)
    expect(after).toMatchObject({
      state: state === 'trialing' ? 'trialing' : 'active',
      endsAt: '2028-10-01T00:00:00Z',
      graceEndsAt: '2028-10-08T00:00:00Z',
      cancelAtEnd: false,
      programmeVersion: 3,
    })
  })

  it('counts monthly terms from the day of the sale, which a short month does not move', () => {
    const monthly = Plan.parse(plan({ term: 'P1M' }))
    const [startsAt, endsAt] = ['2026-10-31T04:00:00Z', '2026-11-30T04:00:00Z'].map(instant)
    let current = membership({ startsAt, endsAt })
    const ends = Array.from({ length: 4 }, () => {
      current = renewed(current, monthly, 'Asia/Shanghai', 1)
      return current.endsAt.slice(0, 10)
    })
    expect(ends).toEqual(['2026-12-31', '2027-01-31', '2027-02-28', '2027-03-31'])
  })

  it('forgets a grace that the plan no longer has', () => {
    expect(renewed(membership(), Plan.parse(plan()), 'UTC', 2)).not.toHaveProperty('graceEndsAt')
  })

  it.each([suspended('active'), ended('expired')])('is refused while $state', before => {
    expect(() => renewed(before, graceful, 'UTC', 1)).toThrow(expect.objectContaining({ code: 'wrong-state' }))
  })

  it('ends a month on its last day where the calendar has no such day', () => {
    const monthly = Plan.parse(plan({ term: 'P1M', grace: 'P3D' }))
    expect(termFrom(instant('2027-01-31T04:00:00Z'), monthly, 'Asia/Shanghai')).toEqual({
      endsAt: '2027-02-28T04:00:00Z',
      graceEndsAt: '2027-03-03T04:00:00Z',
    })
  })
})

describe('what time alone does', () => {
  it.each<[string, Membership, string, object | undefined, string?]>([
    ['trial goes on', membership({ state: 'trialing' }), '2026-10-07T23:59:59Z', undefined],
    [
      'trial ends',
      membership({ state: 'trialing' }),
      '2026-10-08T00:00:00Z',
      { state: 'active' },
      '2026-10-08T00:00:00Z',
    ],
    [
      'trial ends unseen',
      suspended('trialing'),
      '2026-11-01T00:00:00Z',
      { state: 'suspended', suspendedFrom: 'active' },
      '2026-10-08T00:00:00Z',
    ],
    ['term goes on', membership(), '2027-09-30T23:59:59.999Z', undefined],
    ['grace begins', membership(), '2027-12-01T00:00:00Z', { state: 'grace' }, '2027-10-01T00:00:00Z'],
    [
      'no grace in the plan',
      membership({ graceEndsAt: undefined }),
      '2027-12-01T00:00:00Z',
      { state: 'ended', endedReason: 'expired', endedAt: '2027-10-01T00:00:00Z' },
      '2027-10-01T00:00:00Z',
    ],
    [
      'cancelled',
      membership({ cancelAtEnd: true }),
      '2027-12-01T00:00:00Z',
      { state: 'ended', endedReason: 'cancelled' },
      '2027-10-01T00:00:00Z',
    ],
    [
      'suspended at the end',
      suspended('active'),
      '2027-12-01T00:00:00Z',
      { state: 'ended', endedReason: 'expired' },
      '2027-10-01T00:00:00Z',
    ],
    ['grace goes on', membership({ state: 'grace' }), '2027-10-07T00:00:00Z', undefined],
    [
      'grace ends',
      membership({ state: 'grace' }),
      '2027-12-01T00:00:00Z',
      { state: 'ended', endedReason: 'expired', endedAt: '2027-10-08T00:00:00Z' },
      '2027-10-08T00:00:00Z',
    ],
    ['suspended in grace, which goes on', suspended('grace'), '2027-10-07T00:00:00Z', undefined],
    [
      'suspended in grace, which ends',
      suspended('grace'),
      '2027-12-01T00:00:00Z',
      { state: 'ended', endedAt: '2027-10-08T00:00:00Z' },
      '2027-10-08T00:00:00Z',
    ],
    ['ended', ended('expired'), '2030-01-01T00:00:00Z', undefined],
  ])('%s', (_, before, now, expected, due) => {
    const found = nextDue(before, instant(now))
    if (!expected) expect(found).toBeUndefined()
    else {
      expect(found?.membership).toMatchObject(expected)
      expect(found?.at).toBe(due)
    }
  })

  it('comes to rest, in order, at instants that are over, and never leaves the end', () => {
    const states = fc.constantFrom('trialing', 'active', 'grace', 'suspended')
    const hours = fc.integer({ min: 0, max: 24 * 800 })
    fc.assert(
      fc.property(states, fc.boolean(), fc.boolean(), hours, (state, cancelAtEnd, grace, hour) => {
        const now = instant(new Date(Date.UTC(2026, 9, 1) + hour * 3_600_000).toISOString())
        let current = membership({ state, cancelAtEnd, ...(!grace && { graceEndsAt: undefined }) })
        if (state === 'suspended') current = { ...current, suspendedFrom: 'active' }
        let last = current.startsAt
        for (let steps = 0; ; steps++) {
          expect(steps).toBeLessThan(4)
          const due = nextDue(current, now)
          if (!due) break
          expect(isBefore(now, due.at)).toBe(false)
          expect(isBefore(due.at, last)).toBe(false)
          ;[current, last] = [due.membership, due.at]
        }
        if (current.state === 'ended') expect(nextDue(current, instant('2099-01-01T00:00:00Z'))).toBeUndefined()
      }),
    )
  })
})
