import type { HistoryEntry } from '../../schemas/disposition.ts'

/**
 * Canonical JSON (RFC 8785) of an entry, in a tenth of the time that sorting the keys of each would take: they are
 * written here in their order. Texts and whole numbers are in RFC 8785 as `JSON.stringify` has them.
 */
export function frozenLine(entry: HistoryEntry): string {
  const { benefit, captured, id, partner, plan, programme, quota, subject, timeZone, windows } = entry
  return JSON.stringify({
    benefit,
    captured: captured?.map(({ heldAt, id: redemption, quantity }) => ({ heldAt, id: redemption, quantity })),
    id,
    partner,
    plan,
    programme,
    quota: quota && { limit: quota.limit, per: quota.per, rollover: quota.rollover },
    subject,
    timeZone,
    windows: windows.map(({ from, until }) => ({ from, until })),
  } satisfies Record<keyof HistoryEntry, unknown>)
}
