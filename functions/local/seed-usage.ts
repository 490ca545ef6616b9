import type { Entitlement } from '../../schemas/entitlement.ts'
import type { Instant, Period } from '../../schemas/primitives.ts'
import { periodBounds } from '../kernel/calendar.ts'
import { sha256 } from '../kernel/canonical.ts'
import { epochMilliseconds, instantOf, isBefore, later, plusSeconds } from '../kernel/clock.ts'

type DemoEvent = {
  id: string
  entitlementId: string
  benefit: string
  subject: string
  occurredAt: Instant
  quantity?: number
  amount?: { amountMinor: number; currency: string }
}

/** Uses an entitlement has in a month, and the range of gross values where the partner sells something. */
const habits: Record<string, { uses: number; amountMinor?: [number, number] }> = {
  youku: { uses: 9 },
  xiami: { uses: 12 },
  eleme: { uses: 5, amountMinor: [1800, 9600] },
  fliggy: { uses: 2, amountMinor: [19_900, 168_000] },
}

/** A number from 0 (inclusive) to 1 that the same words always give: a demo that looks alike on every machine. */
const drawn = (...words: (string | number)[]): number =>
  Number.parseInt(sha256(words.join('/')).slice(0, 8), 16) / 2 ** 32

/** What a partner's accounts did in a month, oldest first. Some days are busier than others. */
export function monthOfEvents(
  partner: string,
  period: Period,
  entitlements: Entitlement[],
  timeZone: string,
): DemoEvent[] {
  const { uses, amountMinor } = habits[partner] ?? { uses: 3 }
  const { from, until } = periodBounds(period, timeZone)
  const events = entitlements.flatMap(entitlement => {
    const start = later(from, entitlement.windows[0]?.from ?? from)
    const count = Math.round(uses * (0.4 + 1.2 * drawn(partner, entitlement.id, period)))
    return Array.from({ length: count }, (_, index): DemoEvent => {
      const draw = (what: string) => drawn(what, entitlement.id, period, index)
      const span = epochMilliseconds(until) - epochMilliseconds(start)
      const second = Math.floor((epochMilliseconds(start) + draw('when') ** 0.8 * span) / 1000)
      const [low, high] = amountMinor ?? [0, 0]
      const amount = { amountMinor: Math.round(low + draw('amount') * (high - low)), currency: 'CNY' }
      return {
        id: `${partner}-${period}-${entitlement.id.slice(-6)}-${String(index + 1).padStart(3, '0')}`,
        entitlementId: entitlement.id,
        benefit: entitlement.benefit,
        subject: entitlement.subject,
        occurredAt: instantOf(second * 1000),
        ...(amountMinor && { amount }),
      }
    })
  })
  return events.sort((a, b) =>
    a.occurredAt === b.occurredAt ? (a.id < b.id ? -1 : 1) : isBefore(a.occurredAt, b.occurredAt) ? -1 : 1,
  )
}

/** Lines as partners get them wrong: broken, repeated, changed, foreign, mistaken. */
export function badLines(partner: string, events: DemoEvent[], entitlements: Entitlement[]): string[] {
  const [first, second] = events
  const stranger = entitlements.find(({ id }) => id !== first?.entitlementId)
  if (!first || !second || !stranger) return []
  const altered = { ...second, quantity: 7 }
  return [
    '{"id": "cut-off',
    JSON.stringify({ ...first, id: `${first.id}-typo`, quantitty: 2 }),
    JSON.stringify(first),
    JSON.stringify(altered),
    JSON.stringify({ ...first, id: `${partner}-foreign-${first.id}`, entitlementId: 'ent_00000000000000000000000000' }),
    JSON.stringify({ ...first, id: `${partner}-mixed-${first.id}`, subject: stranger.subject }),
    JSON.stringify({ ...first, id: `${partner}-early-${first.id}`, occurredAt: shifted(first, -3) }),
    JSON.stringify({ ...first, id: `${partner}-late-${first.id}`, occurredAt: shifted(first, -90) }),
    JSON.stringify({ ...first, id: `${partner}-future-${first.id}`, occurredAt: shifted(first, 70) }),
    JSON.stringify({ ...first, id: `${partner}-usd-${first.id}`, amount: { amountMinor: 990, currency: 'USD' } }),
    ...largeMistakes(partner, first, stranger),
  ]
}

/** What one mistake does to many lines, or to much money: exceptions of which not all are small. */
function largeMistakes(partner: string, event: DemoEvent, stranger: Entitlement): string[] {
  const repeated = (count: number, what: string, change: Partial<DemoEvent>) =>
    Array.from({ length: count }, (_, at) =>
      JSON.stringify({ ...event, id: `${partner}-${what}-${event.id}-${at}`, ...change }),
    )
  const early = shifted(event, -90)
  if (partner === 'youku') return repeated(140, 'old-clock', { occurredAt: early })
  if (partner === 'eleme') return repeated(24, 'mix-up', { subject: stranger.subject })
  if (partner !== 'fliggy') return []
  return repeated(1, 'long-stay', { subject: stranger.subject, amount: { amountMinor: 1_280_000, currency: 'CNY' } })
}

const shifted = ({ occurredAt }: DemoEvent, days: number): Instant => plusSeconds(occurredAt, days * 86_400)
