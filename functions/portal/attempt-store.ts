import * as z from 'zod'
import { Instant } from '../../schemas/primitives.ts'
import { sha256 } from '../kernel/canonical.ts'
import { epochSeconds, type Now, plusSeconds } from '../kernel/clock.ts'
import { Conflict, put, recordType, type Table } from '../kernel/table.ts'

/** A `state` that came back once. Its browser session is known by a hash: who sent it may be told so, nobody else. */
const UsedState = z.strictObject({ session: z.string(), usedAt: Instant })
const usedState = recordType('used-state', UsedState)

/** Longer than an attempt may take, so that no attempt outlives the memory of its use. */
const keepSeconds = 15 * 60

const key = (state: string) => ({ pk: `STATE#${sha256(state)}`, sk: 'HEAD' })

type Needs = { table: Table; wallNow: Now }
type Use = { state: string; session: string }

/** Create-only: of all answers that carry a state, whatever cookies come with them, exactly one gets `true`. */
export async function takeState({ table, wallNow }: Needs, { state, session }: Use): Promise<boolean> {
  const usedAt = wallNow()
  const ttl = epochSeconds(plusSeconds(usedAt, keepSeconds))
  try {
    await table.write(put(usedState, key(state), { session: sha256(session), usedAt }, { when: 'absent', ttl }))
    return true
  } catch (error) {
    if (error instanceof Conflict) return false
    throw error
  }
}

/** Whether this very session has used the state already. */
export async function wasTakenBy({ table }: Pick<Needs, 'table'>, { state, session }: Use): Promise<boolean> {
  return (await table.get(usedState, key(state)))?.session === sha256(session)
}
