import { instantOf } from '../../functions/kernel/clock.ts'
import type { Entitlement } from '../../schemas/entitlement.ts'
import type { Draw } from '../simulation/draw.ts'
import { currencyOf, type Partner } from './year-terms.ts'

const day = 86_400_000
const quotaBenefit = 'plus-meal'
/** Events of the time before are of no programme's months. */
const firstEvent = Date.UTC(2026, 0, 1, 8)

type Event = { id: string; occurredAt: string } & Record<string, unknown>
type Sent = { text: string; event: Event; isReversed: boolean; isRepeated: boolean }

/** What a partner sends, batch by batch: mostly good uses; late ones, reversals of any age and every kind of fault. */
export class PartnerEvents {
  readonly #partner: Partner
  readonly #draw: Draw
  readonly #sent: Sent[] = []
  #count = 0

  constructor(partner: Partner, draw: Draw) {
    this.#partner = partner
    this.#draw = draw
  }

  /** Lines of a batch that is received at `at`, of uses since `since` (both in epoch milliseconds). */
  batch(entitlements: readonly Entitlement[], since: number, at: number, size: number): string[] {
    const before = [...this.#sent]
    return Array.from({ length: size }, () => {
      if (this.#draw.chance(0.07)) return this.#reversal(before, at) ?? this.#use(entitlements, since, at)
      return this.#use(entitlements, since, at)
    })
  }

  #use(entitlements: readonly Entitlement[], since: number, at: number): string {
    const draw = this.#draw
    const entitlement = draw.pick(entitlements)
    const isMetered = entitlement.benefit === quotaBenefit
    const isLate = !isMetered && draw.chance(0.09)
    const [from, until] = isLate ? [at - 55 * day, at - 15 * day] : [since, at - 3_600_000]
    const moment = Math.max(firstEvent, from + draw.below(Math.max(1, until - from)))
    const event: Event = {
      id: this.#newId(),
      entitlementId: entitlement.id,
      benefit: entitlement.benefit,
      subject: entitlement.subject,
      occurredAt: instantOf(Math.floor(moment / 1000) * 1000),
      ...(!isMetered && draw.chance(0.4) && { quantity: 1 + draw.below(5) }),
      ...(draw.chance(0.85) && {
        amount: { amountMinor: draw.below(9_000), currency: currencyOf[entitlement.benefit] },
      }),
    }
    return this.#spoiled(event, at, isMetered)
  }

  #newId(): string {
    this.#count += 1
    return `${this.#partner}-${this.#count}`
  }

  /** Takes back, whole, something of an earlier batch: of this month or of one that is long closed. */
  #reversal(before: readonly Sent[], at: number): string | undefined {
    const open = before.filter(sent => !sent.isReversed && sent.event['benefit'] !== quotaBenefit)
    if (open.length === 0) return undefined
    const target = this.#draw.pick(open)
    target.isReversed = true
    const { entitlementId, benefit, subject, id: reverses } = target.event
    const occurredAt = instantOf(at - 7_200_000)
    return JSON.stringify({
      ...{ id: this.#newId(), entitlementId, benefit, subject, occurredAt },
      ...{ type: 'reversal', reverses },
    })
  }

  #spoiled(event: Event, at: number, isMetered: boolean): string {
    const fault = this.#draw.below(1000)
    if (fault < 8) return JSON.stringify(event).slice(0, -9)
    if (fault < 14) return JSON.stringify({ ...event, quantitty: 1 })
    if (fault < 22) return JSON.stringify({ ...event, occurredAt: instantOf(at + 3 * day) })
    if (fault < 32 && at - 70 * day > firstEvent)
      return JSON.stringify({ ...event, occurredAt: instantOf(at - 70 * day) })
    if (fault < 42) return JSON.stringify({ ...event, entitlementId: 'ent_00000000000000000000000000' })
    if (fault < 57) return JSON.stringify({ ...event, subject: 'sub_00000000000000000000000000' })
    if (fault < 72 && !isMetered) return JSON.stringify({ ...event, amount: { amountMinor: 5_000, currency: 'USD' } })
    const earlier = fault < 92 ? this.#sent.findLast(sent => !sent.isRepeated) : undefined
    if (earlier) {
      earlier.isRepeated = true
      return fault < 84 ? earlier.text : JSON.stringify({ ...earlier.event, tokenId: 'changed' })
    }
    const text = JSON.stringify(event)
    this.#sent.push({ text, event, isReversed: false, isRepeated: false })
    return text
  }
}
