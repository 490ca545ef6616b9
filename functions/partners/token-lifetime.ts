import { PartnerDocument } from '../../schemas/partner.ts'
import { type HeldValues, heldFor, type Now } from '../kernel/clock.ts'
import type { Table } from '../kernel/table.ts'
import { knownPartners } from './find-partner.ts'

/** How long a registration is held: a change of it is in every instance's tokens after that. */
const holdSeconds = 10
/** Far more partners than a programme has. */
const mostHeld = 1000
const unregistered = PartnerDocument.shape.tokenTtlSeconds.parse(undefined)

const lifetimesOf = new WeakMap<Table, HeldValues<number>>()

/** How long an entitlement token for a partner lives, as it is registered, in seconds; read at most once in ten. */
export function tokenTtlSeconds({ table, now }: { table: Table; now: Now }, partner: string): Promise<number> {
  const lifetimes = lifetimesOf.get(table) ?? heldFor<number>(holdSeconds, { entries: mostHeld })
  lifetimesOf.set(table, lifetimes)
  return lifetimes.get(partner, now(), async () => {
    const [registered] = await knownPartners({ table }, [partner])
    return registered?.tokenTtlSeconds ?? unregistered
  })
}
