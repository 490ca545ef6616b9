import * as z from 'zod'
import { ExceptionId } from './ids.ts'
import { Currency } from './money.ts'
import { Instant, Slug } from './primitives.ts'

/**
 * An event behind a statement line: of nobody's but the two parties, and without the member. Reversals have negative
 * quantities and amounts; of a use that the statement takes off, since it was decided otherwise, they are negative too.
 */
export const StatementEvent = z
  .strictObject({
    partner: Slug,
    batch: z.string(),
    sequence: z.int().min(1),
    line: z.int().min(1),
    event: z.string(),
    type: z.enum(['use', 'reversal']),
    benefit: Slug,
    occurredAt: Instant,
    quantity: z.int(),
    amountMinor: z.int().optional(),
    currency: Currency.optional(),
    entitlementId: z.string(),
    /** The exception by whose decision it is billed or taken off. */
    exception: ExceptionId.optional(),
  })
  .meta({ id: 'StatementEvent' })
export type StatementEvent = z.infer<typeof StatementEvent>
