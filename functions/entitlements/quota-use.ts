import type { Entitlement, LinkedEntitlement } from '../../schemas/entitlement.ts'
import type { Instant } from '../../schemas/primitives.ts'
import type { Quota } from '../../schemas/programme.ts'
import { previousQuotaPeriod, quotaPeriodOf } from '../kernel/calendar.ts'
import { epochSeconds, isBefore } from '../kernel/clock.ts'
import { passOverConflict, type Table } from '../kernel/table.ts'
import type { ReceivedLine } from '../usage/read.ts'
import { entitlementsById } from './history.ts'
import { findUses, type QuotaUse, quotaUseWrite, reversedUseWrite } from './store.ts'

export { type QuotaUse, quotaUse } from './store.ts'

/**
 * How long a use is kept: it is noted in its own quota period or the next one, and with rollover is asked for until the
 * end of that. Every use that is kept is read whenever a token is minted.
 */
const keepDays = { P1D: 3, P1M: 3 * 31, P1Y: 3 * 366 } as const satisfies Record<Quota['per'], number>

/** Entitlements noted side by side; the events of one entitlement stay in order. */
const atOnce = 16

/**
 * Notes the allowance uses of newly received lines beside their links, so that a token tells what remains without
 * reading any usage. Provisional: reconciliation decides what counts. One create-only item an event, so that lines seen
 * twice count once.
 */
export async function noteUses({ table }: { table: Table }, partner: string, lines: ReceivedLine[]): Promise<void> {
  const ids = lines.flatMap(({ event }) => (event ? [event.entitlementId] : []))
  const metered = [...(await entitlementsById({ table }, partner, ids)).values()].filter(
    ({ quota, link }) => quota && link,
  )
  const byEntitlement = Map.groupBy(lines, ({ event }) => event?.entitlementId)
  for (let start = 0; start < metered.length; start += atOnce)
    await Promise.all(
      metered.slice(start, start + atOnce).map(async entitlement => {
        for (const line of byEntitlement.get(entitlement.id) ?? []) await noteLine(table, entitlement, line)
      }),
    )
}

async function noteLine(table: Table, entitlement: Entitlement, { event, receivedAt }: ReceivedLine): Promise<void> {
  const { quota, link, windows, timeZone } = entitlement
  if (!event || !quota || !link) return
  if (event.subject !== entitlement.subject || event.benefit !== entitlement.benefit) return
  const ttl = epochSeconds(receivedAt) + keepDays[quota.per] * 86_400
  if (event.type === 'reversal') {
    const taken = (await findUses(table, link)).find(
      use => use.event === event.reverses && use.entitlement === entitlement.id && !use.reversedBy,
    )
    if (taken) await table.write(reversedUseWrite(taken, event.id, ttl))
    return
  }
  const live = windows.some(
    ({ from, until }) => !isBefore(event.occurredAt, from) && (!until || isBefore(event.occurredAt, until)),
  )
  const period = quotaPeriodOf(event.occurredAt, quota.per, timeZone)
  // A token tells of the present quota period, and with rollover of the one before it; older ones are nobody's news.
  const isNews = period >= previousQuotaPeriod(quotaPeriodOf(receivedAt, quota.per, timeZone), quota.per)
  if (!live || !isNews) return
  const use = { entitlement: entitlement.id, link, event: event.id, period, quantity: event.quantity }
  await table.write(quotaUseWrite(use, ttl)).catch(passOverConflict)
}

/** What is left of an entitlement's quota at an instant; undefined where it has none. */
export function remainingOf(entitlement: LinkedEntitlement, uses: QuotaUse[], now: Instant): number | undefined {
  const { quota, timeZone } = entitlement
  if (!quota) return undefined
  const used = (period: string) =>
    uses
      .filter(use => use.entitlement === entitlement.id && use.period === period && !use.reversedBy)
      .reduce((sum, use) => sum + use.quantity, 0)
  const current = quotaPeriodOf(now, quota.per, timeZone)
  const previous = previousQuotaPeriod(current, quota.per)
  const hadPrevious = quota.rollover && quotaPeriodOf(entitlement.validFrom, quota.per, timeZone) <= previous
  const carried = hadPrevious ? Math.max(0, quota.limit - used(previous)) : 0
  return Math.max(0, quota.limit + carried - used(current))
}
