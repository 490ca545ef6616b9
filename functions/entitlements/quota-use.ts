import type { Entitlement, QuotaUse } from '../../schemas/entitlement.ts'
import type { Instant } from '../../schemas/primitives.ts'
import type { Quota } from '../../schemas/programme.ts'
import { previousQuotaPeriod, quotaPeriodOf } from '../kernel/calendar.ts'
import { epochMilliseconds, epochSeconds, isBefore, later, plusSeconds } from '../kernel/clock.ts'
import { againOnConflict, passOverConflict, type Table, type Write } from '../kernel/table.ts'
import { daysOf } from '../reconciliation/days.ts'
import { quotaMeter } from '../reconciliation/quota.ts'
import type { ReceivedLine } from '../usage/read.ts'
import { entitlementsById } from './history.ts'
import type { UsedQuota } from './remaining.ts'
import { findUsed, findUses, quotaUseWrite, reversedUseWrite, usedWrite } from './store.ts'

/**
 * How long a use is kept: it is noted in its own quota period or the next one, and with rollover is asked for until the
 * end of that.
 */
const keepDays = { P1D: 3, P1M: 3 * 31, P1Y: 3 * 366 } as const satisfies Record<Quota['per'], number>

/** Links, and writes of one link, side by side. */
const atOnce = 8
/** How far a sender's clock may be ahead (domain.md, disposition `future`). */
const aheadSeconds = 300

type Metered = Entitlement & { quota: Quota; link: string }
type NotedLine = { entitlement: Metered; event: NonNullable<ReceivedLine['event']>; receivedAt: Instant }

/**
 * Notes the allowance uses of newly received lines beside their links, so that a token tells what remains without
 * reading any usage. Provisional: reconciliation decides what counts. A create-only item an event makes lines that are
 * seen twice count once; one summary a link is what tokens read.
 */
export async function noteUses({ table }: { table: Table }, partner: string, lines: ReceivedLine[]): Promise<void> {
  const ids = lines.flatMap(({ event }) => (event ? [event.entitlementId] : []))
  const known = await entitlementsById({ table }, partner, ids)
  const noted = lines.flatMap(({ event, receivedAt }): NotedLine[] => {
    const entitlement = event && known.get(event.entitlementId)
    const fits = event?.subject === entitlement?.subject && event?.benefit === entitlement?.benefit
    if (!event || !entitlement || !isMetered(entitlement) || !fits) return []
    return [{ entitlement, event, receivedAt }]
  })
  const byLink = [...Map.groupBy(noted, ({ entitlement }) => entitlement.link)]
  await inTurns(byLink, ([link, own]) => noteLink(table, { partner, link }, own))
}

const isMetered = (entitlement: Entitlement): entitlement is Metered =>
  entitlement.quota !== undefined && entitlement.link !== undefined

async function inTurns<T>(all: T[], work: (one: T) => Promise<void>): Promise<void> {
  for (let start = 0; start < all.length; start += atOnce) await Promise.all(all.slice(start, start + atOnce).map(work))
}

async function noteLink(table: Table, whose: { partner: string; link: string }, lines: NotedLine[]): Promise<void> {
  const uses = lines.filter(line => line.event.type === 'use' && isNews(line))
  const reversals = lines.filter(({ event }) => event.type === 'reversal')
  await inTurns(uses.map(useOf), write => table.write(write).catch(passOverConflict))
  const reversed =
    reversals.length > 0 ? reversedUses(reversals, await findUses(table, whose.link, oldestCounted(lines))) : []
  await inTurns(reversed, write => table.write(write))
  if (uses.length + reversals.length === 0) return
  await summarise(table, whose, lines)
}

/** Inside a window of the entitlement, and in a quota period that a token can still tell of. */
function isNews({ entitlement, event, receivedAt }: NotedLine): boolean {
  const { windows, quota, timeZone } = entitlement
  const { occurredAt } = event
  const live = windows.some(({ from, until }) => !isBefore(occurredAt, from) && (!until || isBefore(occurredAt, until)))
  const isFuture = isBefore(plusSeconds(receivedAt, aheadSeconds), occurredAt)
  return live && !isFuture && quotaPeriodOf(occurredAt, quota.per, timeZone) >= oldestAsked(receivedAt, quota, timeZone)
}

/** The present period, and where rests are carried over the one before it: older ones are nobody's news. */
function oldestAsked(now: Instant, { per, rollover }: Quota, timeZone: string): string {
  const current = quotaPeriodOf(now, per, timeZone)
  return rollover ? previousQuotaPeriod(current, per) : current
}

/**
 * The first period whose uses matter to what is asked, of any line's quota: what is left of the oldest period that is
 * asked for depends on the one before it.
 */
const oldestCounted = (lines: NotedLine[]): string =>
  lines
    .map(({ entitlement: { quota, timeZone }, receivedAt }) =>
      previousQuotaPeriod(oldestAsked(receivedAt, quota, timeZone), quota.per),
    )
    .toSorted()[0] ?? ''

const ttlOf = ({ entitlement, receivedAt }: NotedLine): number =>
  epochSeconds(receivedAt) + keepDays[entitlement.quota.per] * 86_400

function useOf(line: NotedLine): Write {
  const { entitlement, event } = line
  const { id, link, quota, timeZone } = entitlement
  const period = quotaPeriodOf(event.occurredAt, quota.per, timeZone)
  const { occurredAt, quantity } = event
  const use = { entitlement: id, link: link as QuotaUse['link'], event: event.id, period, quantity, occurredAt }
  return quotaUseWrite(use, ttlOf(line))
}

/** A reversal takes back a use of the same entitlement that was noted before and that no other has taken back. */
function reversedUses(reversals: NotedLine[], uses: QuotaUse[]): Write[] {
  const standing = new Map(uses.filter(use => !use.reversal).map(use => [`${use.entitlement} ${use.event}`, use]))
  return reversals.flatMap(line => {
    const { entitlement, event } = line
    const key = `${entitlement.id} ${event.reverses}`
    const taken = standing.get(key)
    if (!taken) return []
    standing.delete(key)
    const reversal = { event: event.id, occurredAt: event.occurredAt }
    return [reversedUseWrite({ ...taken, reversal }, ttlOf(line))]
  })
}

/**
 * Counts the link's uses anew. No use is lost between rivals: each first writes its own uses, then reads the summary's
 * version, then the uses, and puts only over that version. So whoever puts last has read its version after every earlier
 * put, hence after the uses of all who put before it stood, and counts them; who comes too late for its version does all
 * of it again. Entitlements that are not counted anew keep what that version says of them, by the same argument. A
 * crash before the put is healed when the stream delivers the batch again.
 */
async function summarise(table: Table, { partner, link }: { partner: string; link: string }, lines: NotedLine[]) {
  const receivedAt = lines.map(line => line.receivedAt).reduce(later)
  const entitlements = new Map(lines.map(({ entitlement }) => [entitlement.id, entitlement]))
  await againOnConflict(async () => {
    const before = await findUsed(table, link)
    const uses = Map.groupBy(await findUses(table, link, oldestCounted(lines)), ({ entitlement }) => entitlement)
    const counted = [...entitlements.values()].map(
      entitlement => [entitlement.id, usedOfQuota(entitlement, uses.get(entitlement.id) ?? [], receivedAt)] as const,
    )
    const used = { ...stillAsked(before?.used ?? {}, receivedAt), ...Object.fromEntries(counted) }
    await table.write(usedWrite({ link, partner, used }, before))
  })
}

/**
 * How much of a quota is used in each period that a token can still ask for: uses in order of (occurredAt, id), of which
 * one that does not fit whole is over and takes nothing; a reversal gives back from its own place on (domain.md,
 * disposition `over-quota`). Pure.
 */
export function usedOfQuota(
  { quota, windows, timeZone }: Pick<Metered, 'quota' | 'windows' | 'timeZone'>,
  uses: QuotaUse[],
  now: Instant,
): Record<string, number> {
  const meter = quotaMeter(quota, windows, daysOf(timeZone))
  const used: Record<string, number> = {}
  const add = (period: string, quantity: number) => {
    used[period] = (used[period] ?? 0) + quantity
  }
  const took = new Set<string>()
  for (const { use, isReversal } of inOrder(uses)) {
    const { event, occurredAt, period, quantity } = use
    if (isReversal && took.has(event)) {
      meter.giveBack(occurredAt, quantity)
      add(period, -quantity)
    } else if (!isReversal && meter.take(occurredAt, quantity)) {
      took.add(event)
      add(period, quantity)
    }
  }
  const oldest = oldestAsked(now, quota, timeZone)
  return Object.fromEntries(Object.entries(used).filter(([period, quantity]) => period >= oldest && quantity > 0))
}

/** Uses and reversals by (occurredAt, id); a reversal never before what it takes back. */
function inOrder(uses: QuotaUse[]): { use: QuotaUse; isReversal: boolean }[] {
  const placed = uses.flatMap(use => {
    const own = { use, isReversal: false, at: epochMilliseconds(use.occurredAt), id: use.event }
    if (!use.reversal) return [own]
    const at = epochMilliseconds(use.reversal.occurredAt)
    const isAfter = at > own.at || (at === own.at && use.reversal.event > use.event)
    return [own, { ...(isAfter ? { ...own, at, id: use.reversal.event } : own), isReversal: true }]
  })
  return placed.sort(
    (a, b) => a.at - b.at || (a.id < b.id ? -1 : a.id > b.id ? 1 : Number(a.isReversal) - Number(b.isReversal)),
  )
}

const perOfLength: Record<number, Quota['per']> = { 4: 'P1Y', 7: 'P1M', 10: 'P1D' }

/** What other entitlements used, without periods that are over everywhere on earth. */
function stillAsked(used: UsedQuota, receivedAt: Instant): UsedQuota {
  const dayBefore = plusSeconds(receivedAt, -86_400)
  const isAsked = (period: string) => {
    const per = perOfLength[period.length]
    return per !== undefined && period >= previousQuotaPeriod(quotaPeriodOf(dayBefore, per, 'UTC'), per)
  }
  const kept = Object.entries(used).map(
    ([id, periods]) => [id, Object.fromEntries(Object.entries(periods).filter(([period]) => isAsked(period)))] as const,
  )
  return Object.fromEntries(kept.filter(([, periods]) => Object.keys(periods).length > 0))
}
