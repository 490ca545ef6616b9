import * as z from 'zod'
import { Instant } from '../../schemas/primitives.ts'
import { put, recordType, type Table } from '../kernel/table.ts'

/** What somebody tried of late, so that nobody guesses codes by the thousand. */
export const AttemptRecord = z.strictObject({
  /** Those that count against the limit: wrong ones, and those that are being looked at. Oldest first. */
  counted: z.array(Instant).max(50),
  /** The last answer to a code (its hash): by it, a form that is sent twice is known. */
  answer: z
    .strictObject({
      code: z.string(),
      outcome: z.enum(['agreed', 'declined']),
      at: Instant,
      /** How many requests brought it. */
      senders: z.int().min(1),
      /** Whether the device was told. */
      isGiven: z.boolean(),
    })
    .optional(),
  version: z.int().min(1),
})
export type AttemptRecord = z.infer<typeof AttemptRecord>
const attempts = recordType('attempts', AttemptRecord)

type Whose = { what: 'device'; person: string }
/** The person is a hash: of people without a membership nothing else is stored. */
const attemptsKey = ({ what, person }: Whose) => ({ pk: `ATTEMPTS#${what}#${person}`, sk: 'HEAD' })

export const findAttempts = (table: Table, whose: Whose): Promise<AttemptRecord | undefined> =>
  table.get(attempts, attemptsKey(whose))

/** @param expiresAt epoch seconds. @throws Conflict when it is no longer what it was when it was read */
export const saveAttempts = (table: Table, whose: Whose, after: AttemptRecord, expiresAt: number): Promise<void> =>
  table.write(
    put(attempts, attemptsKey(whose), after, {
      when: after.version === 1 ? 'absent' : { equals: { version: after.version - 1 } },
      ttl: expiresAt,
    }),
  )
