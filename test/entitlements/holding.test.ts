import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { decideChoice } from '../../functions/entitlements/choose.ts'
import { isLive, isTerminal } from '../../functions/entitlements/derive.ts'
import { type Holding, settle } from '../../functions/entitlements/holding.ts'
import { compareInstants, isBefore } from '../../functions/kernel/clock.ts'
import { newIdFrom, systemRandom } from '../../functions/kernel/ids.ts'
import { act, nextDue, renewed, termFrom } from '../../functions/memberships/lifecycle.ts'
import type { Entitlement } from '../../schemas/entitlement.ts'
import type { LinkRecord } from '../../schemas/link.ts'
import type { Membership } from '../../schemas/membership.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { Programme } from '../../schemas/programme.ts'
import { benefit, instant, plan, programmeDocument } from '../memberships/world.ts'

const day = (number: number) => instant(new Date(Date.UTC(2026, 9, 1) + number * 86_400_000).toISOString())
const subject = 'sub_00000000000000000000000001' as Entitlement['subject']
const subjects = { youku: subject, eleme: subject, xiami: subject }
const newId = newIdFrom(() => day(0), systemRandom)

const programmeOf = (change: object = {}) =>
  Programme.parse({ ...programmeDocument(change), version: 1, appliedAt: day(0) })
const varied = programmeOf({
  plans: [plan({ term: 'P30D', grace: 'P5D', trial: 'P3D' })],
  choiceGroups: [{ id: 'video', choose: 1, changeEvery: 'P10D' }],
  benefits: [
    benefit('youku-vip', 'youku', { choiceGroup: 'video' }),
    benefit('youku-kids', 'youku', { choiceGroup: 'video' }),
    benefit('eleme-5off', 'eleme'),
    benefit('xiami-sign', 'xiami', { linkRequired: false }),
  ],
})
const narrow = programmeOf({
  plans: [plan({ term: 'P30D', grace: 'P5D' })],
  benefits: [benefit('youku-vip', 'youku'), benefit('eleme-5off', 'eleme', { limits: { streams: 1 } })],
})

function holdingOf(programme: Programme, at: Instant): Holding {
  const [own] = programme.plans
  if (!own) throw new Error('no plan')
  const membership = {
    id: 'mbr_00000000000000000000000001',
    programme: '88vip',
    programmeVersion: 1,
    plan: 'annual',
    member: 'mem_00000000000000000000000001',
    state: 'active',
    cancelAtEnd: false,
    startsAt: at,
    ...termFrom(at, own, 'UTC'),
    changedAt: at,
    entitlements: [],
  } as unknown as Membership
  return settle({ programme, membership, entitlements: [], links: [] }, { at, newId, subjects })
}

const linkAt = (partner: string) =>
  ({ id: newId('lnk'), partner, state: 'active', entitlements: [] }) as unknown as LinkRecord
const settled = (holding: Holding, at: Instant) => settle(holding, { at, newId, subjects })
const standingOf = ({ entitlements }: Holding, id: string) =>
  entitlements.find(({ benefit: name, state }) => name === id && !isTerminal(state))

/** One thing that can happen; those that the state does not allow are left out, as a refusal leaves all as it was. */
const events = {
  suspend: (holding: Holding, at: Instant) => ({ ...holding, membership: act(holding.membership, 'suspend', at) }),
  resume: (holding: Holding, at: Instant) => ({ ...holding, membership: act(holding.membership, 'resume', at) }),
  cancel: (holding: Holding, at: Instant) => ({ ...holding, membership: act(holding.membership, 'cancel', at) }),
  refund: (holding: Holding, at: Instant) => ({ ...holding, membership: act(holding.membership, 'refund', at) }),
  renew: (holding: Holding) => renewedUnder(holding, varied),
  renewNarrow: (holding: Holding) => renewedUnder(holding, narrow),
  link: (holding: Holding) =>
    holding.links.length > 0 ? holding : { ...holding, links: [linkAt('youku'), linkAt('eleme')] },
  unlink: (holding: Holding) => ({ ...holding, links: [] }),
  chooseVip: (holding: Holding, at: Instant) => chosen(holding, 'youku-vip', at),
  chooseKids: (holding: Holding, at: Instant) => chosen(holding, 'youku-kids', at),
  nothing: (holding: Holding) => holding,
}
function renewedUnder(holding: Holding, programme: Programme): Holding {
  const [own] = programme.plans
  return own ? { ...holding, programme, membership: renewed(holding.membership, own, 'UTC', 2) } : holding
}
function chosen(holding: Holding, id: string, at: Instant): Holding {
  const group = holding.programme.choiceGroups[0]
  const entitlements = group && decideChoice(group, holding.entitlements, { benefits: [id], at, timeZone: 'UTC' })
  return entitlements && holding.membership.state !== 'ended' ? { ...holding, entitlements } : holding
}
function happened(holding: Holding, event: keyof typeof events, at: Instant): Holding {
  try {
    return settled(events[event](holding, at), at)
  } catch (error) {
    if ((error as Error).name !== 'Refusal') throw error
    return holding
  }
}
function timePassed(holding: Holding, now: Instant): Holding {
  for (let current = holding; ; ) {
    const due = nextDue(current.membership, now)
    if (!due) return current
    current = settled({ ...current, membership: due.membership }, due.at)
  }
}

function checkWindows({ state, windows }: Entitlement, now: Instant): void {
  windows.forEach(({ from, until }, index) => {
    const next = windows[index + 1]
    if (until) expect(isBefore(from, until)).toBe(true)
    if (next) expect(until !== undefined && compareInstants(until, next.from) <= 0).toBe(true)
    expect(isBefore(now, until ?? from)).toBe(false)
  })
  expect(windows.filter(({ until }) => until === undefined)).toHaveLength(isLive(state) ? 1 : 0)
}

describe('whatever happens in whatever order', () => {
  const steps = fc.array(
    fc.tuple(fc.constantFrom(...(Object.keys(events) as (keyof typeof events)[])), fc.integer({ min: 0, max: 12 })),
    { maxLength: 25 },
  )

  it('windows are in order, one grant a benefit stands, ends are final, and settling again changes nothing', () => {
    fc.assert(
      fc.property(steps, taken => {
        let [holding, now] = [holdingOf(varied, day(0)), 0]
        for (const [event, days] of taken) {
          now += days
          const before = holding
          holding = happened(timePassed(holding, day(now)), event, day(now))
          const { entitlements, membership, programme } = holding
          const standing = entitlements.filter(({ state }) => !isTerminal(state)).map(({ benefit: id }) => id)
          expect(new Set(standing).size).toBe(standing.length)
          const offered = membership.state === 'ended' ? [] : programme.benefits.map(({ id }) => id)
          expect(standing.sort()).toEqual(offered.sort())
          for (const one of entitlements) checkWindows(one, day(now))
          for (const old of before.entitlements.filter(({ state }) => isTerminal(state)))
            expect(entitlements.find(({ id }) => id === old.id)).toEqual(old)
          if (before.membership.state === 'ended') expect(membership.state).toBe('ended')
          expect(entitlements.filter(one => one.choiceGroup && isLive(one.state)).length).toBeLessThanOrEqual(1)
          expect(settled(holding, day(now)).entitlements).toEqual(entitlements)
        }
      }),
      { numRuns: 300 },
    )
  })
})

describe('settling', () => {
  it('opens linked benefits with the link, at once and with one window', () => {
    const before = holdingOf(narrow, day(0))
    const after = settled({ ...before, links: [linkAt('youku')] }, day(2))
    expect(standingOf(after, 'youku-vip')).toMatchObject({ state: 'active', windows: [{ from: day(2) }] })
    expect(standingOf(after, 'eleme-5off')).toMatchObject({ state: 'offered', windows: [] })
    expect(standingOf(before, 'youku-vip')).toMatchObject({ state: 'offered' })
  })

  it('waits for what the account pays itself, and for no longer', () => {
    const before = holdingOf(narrow, day(0))
    const entitlements = before.entitlements.map(entitlement => ({ ...entitlement, notBefore: day(9) }))
    const waiting = settled({ ...before, entitlements, links: [linkAt('youku')] }, day(2))
    expect(standingOf(waiting, 'youku-vip')).toMatchObject({ state: 'pending', windows: [] })
    expect(waiting.membership.nextTimerAt).toBe(day(9))
    expect(standingOf(settled(waiting, day(9)), 'youku-vip')).toMatchObject({
      state: 'active',
      windows: [{ from: day(9) }],
    })
  })

  it('lets go of a window that opens and closes at one instant', () => {
    const linked = settled({ ...holdingOf(narrow, day(0)), links: [linkAt('youku')] }, day(2))
    const [gone] = settled({ ...linked, links: [] }, day(2)).entitlements.filter(({ state }) => state === 'ended')
    expect(gone).toMatchObject({ benefit: 'youku-vip', windows: [] })
  })

  it('remembers every entitlement that stands and the latest hundred that ended', () => {
    let holding = holdingOf(narrow, day(0))
    for (let round = 1; round <= 120; round++) {
      holding = settled({ ...holding, links: [linkAt('youku')] }, day(round))
      holding = settled({ ...holding, links: [] }, day(round + 0.5))
    }
    const named = holding.membership.entitlements
    expect(named).toHaveLength(102)
    expect(named.map(({ id }) => id)).toContain(holding.entitlements.at(-1)?.id)
  })
})
