import { Temporal } from 'temporal-polyfill'
import type { Membership } from '../../schemas/membership.ts'
import type { Day, Instant, Period } from '../../schemas/primitives.ts'
import type { Plan, Programme } from '../../schemas/programme.ts'
import { dayOf, periodDays, plusDurations } from '../kernel/calendar.ts'
import { earlier, isBefore } from '../kernel/clock.ts'
import type { Table } from '../kernel/table.ts'
import { findProgramme } from '../programmes/find-programme.ts'
import { soldMemberships } from './store.ts'

/** What the members of a plan have paid for a month. */
export type PlanFees = {
  plan: string
  currency: string
  /** Memberships that lived on at least one of the days. */
  memberships: number
  feesMinor: bigint
}

type Asked = { programme: string; period: Period }

/**
 * Fees earned in a month: what was paid for a term is spread evenly over its days, a plan's sum is exact and rounded
 * once. A month that is not over counts as a whole, by the memberships as they stand: who renews or leaves later in it
 * is not foreseen.
 *
 * It reads every membership that was ever sold of the programme, a hundred at a time and several hundreds at once: a
 * read of each sale's pointer and of each membership. For a hundred thousand of them that is a thousand requests, a
 * few seconds. @throws Refusal programme-not-found
 */
export async function feesOf({ table }: { table: Table }, { programme, period }: Asked): Promise<PlanFees[]> {
  const { timeZone } = await findProgramme({ table }, programme)
  const versions = new Map<number, Promise<Programme>>()
  const planOf = async ({ programmeVersion, plan }: Membership): Promise<Plan | undefined> => {
    const known = versions.get(programmeVersion) ?? findProgramme({ table }, programme, programmeVersion)
    versions.set(programmeVersion, known)
    return (await known).plans.find(({ id }) => id === plan)
  }
  const sums = feeSums({ days: daysOf(period), timeZone })
  for await (const memberships of soldMemberships(table, programme))
    for (const membership of memberships) sums.add(membership, await planOf(membership))
  return sums.all()
}

/** From a day up to another, which is not in it. */
type Days = { from: Day; until: Day }

/** The days of a month. */
export function daysOf(period: Period): Days {
  const { first, last } = periodDays(period)
  return { from: first, until: dayAfter(last) }
}

function earlierDay(a: Day, b: Day): Day {
  if (a < b) return a
  return b
}
const laterDay = (a: Day, b: Day): Day => (earlierDay(a, b) === a ? b : a)

const dayAfter = (day: Day): Day => Temporal.PlainDate.from(day).add({ days: 1 }).toString() as Day
const daysIn = ({ from, until }: Days): number =>
  from < until ? Temporal.PlainDate.from(from).until(until, { largestUnit: 'days' }).days : 0
const overlap = (a: Days, b: Days): Days => ({
  from: laterDay(a.from, b.from),
  until: earlierDay(a.until, b.until),
})

/** Adds memberships up by plan and currency. */
export function feeSums({ days, timeZone }: { days: Days; timeZone: string }) {
  const plans = new Map<string, { plan: string; currency: string; memberships: number; shares: Map<number, bigint> }>()
  return {
    add(membership: Membership, plan: Plan | undefined): void {
      const day = (instant: Instant) => dayOf(instant, timeZone)
      const life = { from: day(membership.startsAt), until: day(endOf(membership)) }
      // Who comes and leaves on one day has lived on it.
      const lived = life.from === life.until ? { from: life.from, until: dayAfter(life.from) } : life
      if (daysIn(overlap(lived, days)) === 0) return
      const { currency, amountMinor } = membership.paid
      const key = `${membership.plan} ${currency}`
      const sum = plans.get(key) ?? { plan: membership.plan, currency, memberships: 0, shares: new Map() }
      plans.set(key, sum)
      sum.memberships++
      for (const term of paidTerms(membership, plan, timeZone)) {
        const whole = { from: day(term.from), until: day(term.until) }
        const earned = daysIn(overlap(overlap(whole, life), days))
        if (earned === 0) continue
        const length = daysIn(whole)
        sum.shares.set(length, (sum.shares.get(length) ?? 0n) + BigInt(amountMinor) * BigInt(earned))
      }
    },
    /** By plan and currency, in their order. */
    all: (): PlanFees[] =>
      [...plans]
        .sort(([a], [b]) => (a < b ? -1 : 1))
        .map(([, { shares, ...sum }]) => ({ ...sum, feesMinor: roundedSum(shares) })),
  }
}

/** Parts by their denominator, added up exactly, then rounded half up: fees are never negative. */
function roundedSum(shares: ReadonlyMap<number, bigint>): bigint {
  let [numerator, denominator] = [0n, 1n]
  for (const [length, part] of shares) {
    numerator = numerator * BigInt(length) + part * denominator
    denominator *= BigInt(length)
  }
  return (2n * numerator + denominator) / (2n * denominator)
}

/** Until when it lives: in grace beyond what is paid, after its end not at all. */
function endOf({ endedAt, graceEndsAt, endsAt, cancelAtEnd, state }: Membership): Instant {
  if (endedAt) return endedAt
  return graceEndsAt && !cancelAtEnd && state !== 'suspended' ? graceEndsAt : endsAt
}

type Term = { from: Instant; until: Instant }
/** What `renew` may add: a century of months. */
const mostTerms = 1_200

/**
 * The terms that were paid for, each at the price of the sale: a renewal does not tell another one. A trial is free, so
 * that the first term's price is spread over the days after it. Who was refunded has paid nothing for the term in which
 * that happened, since nobody knows how much went back: a loss is rather seen too early.
 */
export function paidTerms(membership: Membership, plan: Plan | undefined, timeZone: string): Term[] {
  const { startsAt, trialEndsAt, endedAt, endedReason } = membership
  const afterTrial = ({ from, until }: Term): Term => ({
    from: trialEndsAt && isBefore(from, trialEndsAt) ? earlier(trialEndsAt, until) : from,
    until,
  })
  const isRefunded = endedAt !== undefined && (endedReason === 'refunded' || endedReason === 'fraud')
  const wasGivenBack = ({ from, until }: Term) => isRefunded && !isBefore(endedAt, from) && isBefore(endedAt, until)
  const terms = termsFrom(startsAt, membership.endsAt, plan, timeZone)
  return terms.filter(term => !wasGivenBack(term)).map(afterTrial)
}

/** A plan whose term was changed since gives no regular terms: the time is then one term, paid for once. */
function termsFrom(startsAt: Instant, endsAt: Instant, plan: Plan | undefined, timeZone: string): Term[] {
  const terms: Term[] = []
  let from = startsAt
  for (let times = 1; plan && times <= mostTerms && isBefore(from, endsAt); times++) {
    const until = plusDurations(startsAt, plan.term, times, timeZone)
    terms.push({ from, until })
    from = until
  }
  return from === endsAt ? terms : [{ from: startsAt, until: endsAt }]
}
