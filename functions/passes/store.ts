import * as z from 'zod'
import { PassRecord, type PassRedemption } from '../../schemas/pass.ts'
import { epochSeconds, type Now } from '../kernel/clock.ts'
import { put, recordType, type Table, type Write } from '../kernel/table.ts'

const pass = recordType('pass', PassRecord)
/** Which pass a partner's redemption id names. */
const redemption = recordType('pass-redemption', z.strictObject({ pass: z.string() }))

const passKey = (id: string) => ({ pk: `PASS#${id}`, sk: 'HEAD' })
const redemptionKey = (partner: string, id: string) => ({ pk: `PASS-REDEMPTION#${partner}#${id}`, sk: 'HEAD' })

/**
 * How long a pass is kept, in seconds of the wall clock (the business clock may stand still or leap): redeemed, for tills
 * that ask again; otherwise for a redemption that begins within its minute, since every look at a code makes one. A pass
 * that is gone is not found, so nothing can be redeemed for want of its record.
 */
const keptSeconds = { issued: 3600, redeemed: 7 * 24 * 3600 }
const ttlFrom = (wallNow: Now, state: PassRecord['state']): number => epochSeconds(wallNow()) + keptSeconds[state]

export const findPass = (table: Table, id: string): Promise<PassRecord | undefined> => table.get(pass, passKey(id))

export const findPassOfRedemption = async (table: Table, partner: string, id: string): Promise<string | undefined> =>
  (await table.get(redemption, redemptionKey(partner, id)))?.pass

export const createPass = (table: Table, record: PassRecord, wallNow: Now): Promise<void> =>
  table.write(put(pass, passKey(record.id), record, { when: 'absent', ttl: ttlFrom(wallNow, record.state) }))

/** The pass as redeemed, if nobody was quicker, and its redemption id, if that names no other pass. */
export function redemptionWrites(issued: PassRecord, redeemed: PassRedemption, wallNow: Now): Write[] {
  const ttl = ttlFrom(wallNow, 'redeemed')
  const after: PassRecord = { ...issued, state: 'redeemed', redemption: redeemed }
  return [
    put(pass, passKey(issued.id), after, { when: { equals: { state: 'issued' } }, ttl }),
    put(redemption, redemptionKey(issued.partner, redeemed.id), { pass: issued.id }, { when: 'absent', ttl }),
  ]
}
