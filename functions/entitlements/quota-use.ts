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
import { standingCount } from './quota-move.ts'
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

/** Where the quotas of entitlements are counted, and where the uses of those are kept that are bound to no link. */
type Place = { partner: string; link: LinkId; usesAt?: LinkId | undefined }
type NotedLine = {
  entitlement: Metered
  /** By which it is counted. */
  link: LinkId
  usesAt: LinkId
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
  const metered = new Map<string, Pick<NotedLine, 'entitlement' | 'link' | 'usesAt'>>()
  await inTurns(known, async entitlement => {
    const { link: bound } = entitlement
    const link = bound ?? (await linkTold(table, entitlement))
    if (!link) return
    const usesAt = bound ?? (await findCounted(table, link))?.usesAt ?? link
    metered.set(entitlement.id, { entitlement, link, usesAt })
  })
  const noted = lines.flatMap(({ event, receivedAt }): NotedLine[] => {
    const found = event && metered.get(event.entitlementId)
    const { subject, benefit } = found?.entitlement ?? {}
    if (!event || !found || event.subject !== subject || event.benefit !== benefit) return []
    const line = { ...found, event, receivedAt }
    return event.type === 'reversal' || isNews(line) ? [line] : []
  })
  await inTurns([...Map.groupBy(noted, ({ usesAt }) => usesAt)], ([usesAt, own]) => noteAt(table, usesAt, own))
  const byLink = [...Map.groupBy(noted, ({ link }) => link)]
  await inTurns(byLink, ([link, own]) => summarise(table, { partner, link }, own))
}

const isMetered = (entitlement: Entitlement): entitlement is Metered => entitlement.quota !== undefined

/** What needs no link is told to its partner by the link that the member has there, if any. */
async function linkTold(table: Table, { member, programme, partner }: Entitlement): Promise<LinkId | undefined> {
  return (await linksOfMember(table, member, programme)).find(link => link.partner === partner)?.id
}

async function inTurns<T>(all: T[], work: (one: T) => Promise<void>): Promise<void> {
  for (let start = 0; start < all.length; start += atOnce) await Promise.all(all.slice(start, start + atOnce).map(work))
}

/** All of them are kept at one link. */
async function noteAt(table: Table, usesAt: LinkId, lines: NotedLine[]): Promise<void> {
  const writes = lines.map(line => (line.event.type === 'use' ? useOf(line) : reversalOf(line)))
  await inTurns(writes, write => table.write(write).catch(passOverConflict))
  await takeBack(table, usesAt, lines)
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
  const { usesAt: link, entitlement, event } = line
  const { id, quota, timeZone } = entitlement
  const { occurredAt, quantity, redemptionId } = event
  const period = quotaPeriodOf(occurredAt, quota.per, timeZone)
  const named = redemptionId === undefined ? {} : { redemptionId }
  return quotaUseWrite({ entitlement: id, link, event: event.id, period, quantity, occurredAt, ...named }, ttlOf(line))
}

function reversalOf(line: NotedLine): Write {
  const { usesAt: link, entitlement, event } = line
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
 * crash before the put is healed when the stream delivers the batch again. What a rival has moved to a new link since is
 * counted there.
 */
async function summarise(table: Table, place: Place, lines: NotedLine[]): Promise<void> {
  const receivedAt = lines.map(line => line.receivedAt).reduce(later)
  const entitlements = [...new Map(lines.map(({ entitlement }) => [entitlement.id, entitlement])).values()]
  const moved = await againOnConflict(async () => {
    const before = await countedQuota({ table }, place.link)
    const at = before?.asOf ? later(receivedAt, before.asOf) : receivedAt
    const gone = new Set(before?.moved?.entitlements)
    const own = entitlements.filter(({ id }) => !gone.has(id))
    const { usesAt } = before ?? {}
    const counting = { entitlements: own, before: before?.quotas ?? {}, at }
    const quotas = await countAnew({ table }, { ...place, usesAt }, counting)
    if (own.length > 0) await table.write(quotaChange(place, { before, quotas, at }))
    return before?.moved
  })
  const rest = lines.filter(({ entitlement: { id } }) => moved?.entitlements.includes(id))
  if (moved && rest.length > 0) await summarise(table, { ...place, link: moved.to }, rest)
}

export type { CountedQuota } from './store.ts'

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
  { partner, link, usesAt = link }: Place,
  { entitlements, before, at, assumed }: Recount,
): Promise<UsedQuota> {
  const metered = entitlements.filter(isMetered)
  const [from] = metered.map(entitlement => oldestCounted(at, entitlement)).toSorted()
  if (from === undefined) return before
  const places = [...new Set(metered.map(entitlement => entitlement.link ?? usesAt))]
  const found = (await Promise.all(places.map(place => findUses(table, place, from)))).flat()
  const uses = Map.groupBy(found, ({ entitlement }) => entitlement)
  const names = [...uses.values()].flat().flatMap(({ redemptionId }) => redemptionId ?? [])
  const named = names.length === 0 ? [] : await redemptionsByIds({ table }, partner, names)
  const redemptions = assumed ? [...named.filter(({ id }) => id !== assumed.id), assumed] : named
  const counted = metered.map(entitlement => {
    const own = { uses: uses.get(entitlement.id) ?? [], before: before[entitlement.id] ?? { used: {} }, redemptions }
    return [entitlement.id, tallyAnew(entitlement, own, at)] as const
  })
  return { ...before, ...Object.fromEntries(counted) }
}

/**
 * Whether a use that is noted already names a redemption. Who asks after a capture misses none: a use that is noted
 * later is judged with the capture in sight.
 */
export async function isNamedByUse(
  { table }: { table: Table },
  redemption: Pick<RedemptionRecord, 'id' | 'link' | 'entitlement'>,
): Promise<boolean> {
  const { link, counted } = await standingCount({ table }, redemption)
  const places = new Set([redemption.link, counted?.usesAt ?? link])
  const uses = await Promise.all([...places].map(place => findUses(table, place, '0')))
  return uses.flat().some(({ redemptionId }) => redemptionId === redemption.id)
}

/** Puts tallies over those that were read, unless a rival did: then its commit is a Conflict. */
export const quotaChange = (
  place: Place,
  { before, quotas, at }: { before: CountedQuota | undefined; quotas: UsedQuota; at: Instant },
): Write => {
  const { usesAt, moved } = before ?? {}
  return countedWrite({ ...place, quotas: stillAsked(quotas, at), asOf: at, usesAt, moved }, before)
}
