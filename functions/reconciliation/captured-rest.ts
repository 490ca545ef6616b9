import type { HistoryEntry } from '../../schemas/disposition.ts'
import type { UsageEvent } from '../../schemas/usage.ts'
import { epochMilliseconds } from '../kernel/clock.ts'

/** What is left of an entitlement's captured redemptions for the events that name them. */
export type CapturedRest = {
  isEmpty: boolean
  has(redemption: string): boolean
  /** When the redemption was held that an event names and whose rest it fits in whole, in epoch milliseconds. */
  fits(event: UsageEvent): number | undefined
  /** As `fits`, and takes it from the rest. */
  cover(event: UsageEvent): number | undefined
  /** Whether an event was covered. */
  covers(event: string): boolean
  /** What covered an event gets its quantity back. */
  giveBack(event: UsageEvent): number | undefined
}

type Rest = { heldAt: number; left: number }

/** What was captured matters to a quota and else to nothing. */
export function capturedRest({ captured = [], quota }: Pick<HistoryEntry, 'captured' | 'quota'>): CapturedRest {
  if (!quota || captured.length === 0) return nothing
  const rests = new Map(
    captured.map(({ id, heldAt, quantity }): [string, Rest] => [
      id,
      { heldAt: epochMilliseconds(heldAt), left: quantity },
    ]),
  )
  const covered = new Map<string, Rest>()
  const restFor = ({ redemptionId, quantity }: UsageEvent): Rest | undefined => {
    const rest = redemptionId === undefined ? undefined : rests.get(redemptionId)
    return rest && quantity <= rest.left ? rest : undefined
  }
  return {
    isEmpty: false,
    has: redemption => rests.has(redemption),
    fits: event => restFor(event)?.heldAt,
    cover(event) {
      const rest = restFor(event)
      if (!rest) return undefined
      rest.left -= event.quantity
      covered.set(event.id, rest)
      return rest.heldAt
    },
    covers: event => covered.has(event),
    giveBack({ id, quantity }) {
      const rest = covered.get(id)
      if (!rest) return undefined
      covered.delete(id)
      rest.left += quantity
      return rest.heldAt
    },
  }
}

const nothing: CapturedRest = {
  isEmpty: true,
  has: () => false,
  fits: () => undefined,
  cover: () => undefined,
  covers: () => false,
  giveBack: () => undefined,
}
