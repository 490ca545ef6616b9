import { PartnerDocument } from '../../schemas/partner.ts'
import { epochMilliseconds, type Now } from '../kernel/clock.ts'
import type { Table } from '../kernel/table.ts'
import { knownPartners } from './find-partner.ts'

/** How long a registration is held: a change of it is in every instance's tokens after that. */
const holdMilliseconds = 10_000
const unregistered = PartnerDocument.shape.tokenTtlSeconds.parse(undefined)

type Held = { seconds: number; businessMilliseconds: number; processMilliseconds: number }
const heldOf = new WeakMap<Table, Map<string, Held>>()

/**
 * How long an entitlement token for a partner lives, as it is registered, in seconds; read at most once in ten seconds.
 * Both clocks count: a test clock may leap, and a clock that stands still must not hold a registration for ever.
 */
export async function tokenTtlSeconds({ table, now }: { table: Table; now: Now }, partner: string): Promise<number> {
  const held = heldOf.get(table) ?? new Map<string, Held>()
  heldOf.set(table, held)
  const businessMilliseconds = epochMilliseconds(now())
  const processMilliseconds = performance.now()
  const known = held.get(partner)
  const isFresh =
    known !== undefined &&
    processMilliseconds - known.processMilliseconds < holdMilliseconds &&
    Math.abs(businessMilliseconds - known.businessMilliseconds) < holdMilliseconds
  if (isFresh) return known.seconds
  const [registered] = await knownPartners({ table }, [partner])
  const seconds = registered?.tokenTtlSeconds ?? unregistered
  held.set(partner, { seconds, businessMilliseconds, processMilliseconds })
  return seconds
}
