import type { Entitlement, QuotaUse } from '../../schemas/entitlement.ts'
import type { LinkId } from '../../schemas/ids.ts'
import type { Instant } from '../../schemas/primitives.ts'
import type { Quota } from '../../schemas/programme.ts'
import type { RedemptionRecord } from '../../schemas/redemption.ts'
import { quotaPeriodOf } from '../kernel/calendar.ts'
import { epochSeconds, isBefore, later, plusSeconds } from '../kernel/clock.ts'
import { againOnConflict, passOverConflict, type Table, type Write } from '../kernel/table.ts'
import { linksOfMember } from '../links/records.ts'
import { redemptionsByIds } from '../redemptions/records.ts'
import type { ReceivedLine } from '../usage/read.ts'
import { entitlementsById } from './history.ts'
import { type Metered, oldestAsked, oldestCounted, stillAsked, tallyAnew } from './quota-count.ts'
import type { UsedQuota } from './remaining.ts'
import {
  type CountedQuota,
  countedWrite,
  findCounted,
  findReversals,
  findUses,
  quotaReversalWrite,
  quotaUseWrite,
  reversedUseWrite,
} from './store.ts'

/**
 * How long a use is kept: it is noted in its own quota period or the next one, and with rollover is asked for until the
 * end of that.
 */
const keepDays = { P1D: 3, P1M: 3 * 31, P1Y: 3 * 366 } as const satisfies Record<Quota['per'], number>

/** Links, and writes of one link, side by side. */
const atOnce = 8
/** How far a sender's clock may be ahead (domain.md, disposition `future`). */
const aheadSeconds = 300

/** Where the uses of an entitlement are counted. */
type Place = { partner: string; link: LinkId }
type NotedLine = {
  entitlement: Metered
  link: LinkId
  event: NonNullable<ReceivedLine['event']>
  receivedAt: Instant
}

/**
 * Notes the allowance uses of newly received lines beside their links, so that a token tells what remains without
 * reading any usage. Provisional: reconciliation decides what counts. A create-only item an event makes lines that are
 * seen twice count once; one summary a link is what tokens read.
 */
export async function noteUses({ table }: { table: Table }, partner: string, lines: ReceivedLine[]): Promise<void> {
  const ids = lines.flatMap(({ event }) => (event ? [event.entitlementId] : []))
  const known = [...(await entitlementsById({ table }, partner, ids)).values()].filter(isMetered)
  const metered = new Map<string, { entitlement: Metered; link: LinkId }>()
  await inTurns(known, async entitlement => {
    const link = entitlement.link ?? (await linkTold(table, entitlement))
    if (link) metered.set(entitlement.id, { entitlement, link })
  })
  const noted = lines.flatMap(({ event, receivedAt }): NotedLine[] => {
    const found = event && metered.get(event.entitlementId)
    const { subject, benefit } = found?.entitlement ?? {}
    return event && found && event.subject === subject && event.benefit === benefit
      ? [{ ...found, event, receivedAt }]
      : []
  })
  const byLink = [...Map.groupBy(noted, ({ link }) => link)]
  await inTurns(byLink, ([link, own]) => noteLink(table, { partner, link }, own))
}

const isMetered = (entitlement: Entitlement): entitlement is Metered => entitlement.quota !== undefined

/** What needs no link is told to its partner by the link that the member has there, if any. */
async function linkTold(table: Table, { member, programme, partner }: Entitlement): Promise<LinkId | undefined> {
  return (await linksOfMember(table, member, programme)).find(link => link.partner === partner)?.id
}

async function inTurns<T>(all: T[], work: (one: T) => Promise<void>): Promise<void> {
  for (let start = 0; start < all.length; start += atOnce) await Promise.all(all.slice(start, start + atOnce).map(work))
}

async function noteLink(table: Table, place: Place, lines: NotedLine[]): Promise<void> {
  const uses = lines.filter(line => line.event.type === 'use' && isNews(line)).map(useOf)
  const reversals = lines.filter(({ event }) => event.type === 'reversal').map(reversalOf)
  if (uses.length + reversals.length === 0) return
  await inTurns([...uses, ...reversals], write => table.write(write).catch(passOverConflict))
  await takeBack(table, place.link, lines)
  await summarise(table, place, lines)
}

/** Inside a window of the entitlement, and in a quota period that a token can still tell of. */
function isNews({ entitlement, event, receivedAt }: NotedLine): boolean {
  const { windows, quota, timeZone } = entitlement
  const { occurredAt } = event
  const live = windows.some(({ from, until }) => !isBefore(occurredAt, from) && (!until || isBefore(occurredAt, until)))
  const isFuture = isBefore(plusSeconds(receivedAt, aheadSeconds), occurredAt)
  const period = quotaPeriodOf(occurredAt, quota.per, timeZone)
  return live && !isFuture && period >= oldestAsked(receivedAt, entitlement)
}

const ttlOf = ({ entitlement, receivedAt }: NotedLine): number =>
  epochSeconds(receivedAt) + keepDays[entitlement.quota.per] * 86_400

function useOf(line: NotedLine): Write {
  const { link, entitlement, event } = line
  const { id, quota, timeZone } = entitlement
  const { occurredAt, quantity, redemptionId } = event
  const period = quotaPeriodOf(occurredAt, quota.per, timeZone)
  const named = redemptionId === undefined ? {} : { redemptionId }
  return quotaUseWrite({ entitlement: id, link, event: event.id, period, quantity, occurredAt, ...named }, ttlOf(line))
}

function reversalOf(line: NotedLine): Write {
  const { link, entitlement, event } = line
  const { reverses = '', occurredAt } = event
  return quotaReversalWrite({ entitlement: entitlement.id, link, reverses, event: event.id, occurredAt }, ttlOf(line))
}

/**
 * A reversal takes back a use of the same entitlement that no other has taken back. The use may come first or later:
 * each side writes its own and then looks for the other, so that one of two rivals finds both.
 */
async function takeBack(table: Table, link: LinkId, lines: NotedLine[]): Promise<void> {
  const reversals = await findReversals(table, link)
  if (reversals.length === 0) return
  const [line] = lines
  const byTarget = new Map(reversals.map(reversal => [`${reversal.entitlement} ${reversal.reverses}`, reversal]))
  const reversed = (await findUses(table, link, oldestOf(lines))).flatMap((use): QuotaUse[] => {
    const reversal = use.reversal ? undefined : byTarget.get(`${use.entitlement} ${use.event}`)
    return reversal ? [{ ...use, reversal: { event: reversal.event, occurredAt: reversal.occurredAt } }] : []
  })
  const ttl = new Map(lines.map(own => [own.entitlement.id, ttlOf(own)]))
  const fallback = line ? ttlOf(line) : 0
  await inTurns(reversed, use => table.write(reversedUseWrite(use, ttl.get(use.entitlement) ?? fallback)))
}

const oldestOf = (lines: NotedLine[]): string =>
  lines.map(({ receivedAt, entitlement }) => oldestCounted(receivedAt, entitlement)).toSorted()[0] ?? ''

/**
 * Counts the link's uses anew. No use is lost between rivals: each first writes its own uses, then reads the summary's
 * version, then the uses, and puts only over that version. So whoever puts last has read its version after every earlier
 * put, hence after the uses of all who put before it stood, and counts them; who comes too late for its version does all
 * of it again. Entitlements that are not counted anew keep what that version says of them, by the same argument. A
 * crash before the put is healed when the stream delivers the batch again.
 */
async function summarise(table: Table, place: Place, lines: NotedLine[]): Promise<void> {
  const receivedAt = lines.map(line => line.receivedAt).reduce(later)
  const entitlements = [...new Map(lines.map(({ entitlement }) => [entitlement.id, entitlement])).values()]
  await againOnConflict(async () => {
    const before = await countedQuota({ table }, place.link)
    const at = before?.asOf ? later(receivedAt, before.asOf) : receivedAt
    const quotas = await countAnew({ table }, place, { entitlements, before: before?.quotas ?? {}, at })
    await table.write(quotaChange(place, { before, quotas, at }))
  })
}

/** What is taken of a link's quotas, with the version on which whoever changes it must build. */
export const countedQuota = ({ table }: { table: Table }, link: string): Promise<CountedQuota | undefined> =>
  findCounted(table, link)

type Recount = {
  entitlements: Entitlement[]
  before: UsedQuota
  at: Instant
  /** A redemption as it will be once what is counted here is written. */
  assumed?: RedemptionRecord
}

/** The tallies of a link with those of some entitlements counted anew, from all of their uses and redemptions. */
export async function countAnew(
  { table }: { table: Table },
  { partner, link }: Place,
  { entitlements, before, at, assumed }: Recount,
): Promise<UsedQuota> {
  const metered = entitlements.filter(isMetered)
  const [from] = metered.map(entitlement => oldestCounted(at, entitlement)).toSorted()
  if (from === undefined) return before
  const uses = Map.groupBy(await findUses(table, link, from), ({ entitlement }) => entitlement)
  const names = [...uses.values()].flat().flatMap(({ redemptionId }) => redemptionId ?? [])
  const found = names.length === 0 ? [] : await redemptionsByIds({ table }, partner, names)
  const redemptions = assumed ? [...found.filter(({ id }) => id !== assumed.id), assumed] : found
  const counted = metered.map(entitlement => {
    const own = { uses: uses.get(entitlement.id) ?? [], before: before[entitlement.id] ?? { used: {} }, redemptions }
    return [entitlement.id, tallyAnew(entitlement, own, at)] as const
  })
  return { ...before, ...Object.fromEntries(counted) }
}

/** Puts tallies over those that were read, unless a rival did: then its commit is a Conflict. */
export const quotaChange = (
  place: Place,
  { before, quotas, at }: { before: CountedQuota | undefined; quotas: UsedQuota; at: Instant },
): Write => countedWrite({ ...place, quotas: stillAsked(quotas, at), asOf: at }, before)
