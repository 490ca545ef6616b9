import type { Instant } from '../../schemas/primitives.ts'
import type { Now } from '../kernel/clock.ts'
import type { NewId } from '../kernel/ids.ts'
import type { Table } from '../kernel/table.ts'
import { decideLink } from './decide-link.ts'
import { loadGrounds } from './link-grounds.ts'

type Needs = { table: Table; now: Now; newId: NewId }
export type LinkCheck = {
  member: string
  programme: string
  partner: string
  /** Absent while nobody knows which account it will be: what then depends on it is left to `completeLink`. */
  account?: string
  /** Until when the account pays the partner itself. */
  paidUntil?: Instant
}

/**
 * Whether `completeLink` would make this link now, on the same grounds and with the same refusals; writes nothing. The
 * account that is linked already is no hindrance to itself.
 * @throws Refusal partner-not-found, no-benefit-here, already-linked, account-linked-elsewhere, relink-cooldown,
 * already-entitled, account-already-pays
 */
export async function checkLink(needs: Needs, request: LinkCheck): Promise<void> {
  const { account, paidUntil } = request
  const grounds = await loadGrounds(needs, request)
  if ('standing' in grounds || account === undefined) return
  decideLink({ ...grounds, programme: grounds.current.programme, account, paidUntil }, grounds.at)
}
