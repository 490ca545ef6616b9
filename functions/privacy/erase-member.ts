import type { MemberId } from '../../schemas/ids.ts'
import type { Now } from '../kernel/clock.ts'
import type { NewId, Random } from '../kernel/ids.ts'
import { errorFields, type Log } from '../kernel/log.ts'
import { againOnConflict, passOverConflict, type Table } from '../kernel/table.ts'
import { forgetLinks } from '../links/forget-links.ts'
import type { Withdraw } from '../links/withdraw-consent.ts'
import { endErased, forgetSale } from '../memberships/change.ts'
import { allMemberships } from '../memberships/find-member.ts'
import { findMemberRecord, forgottenMemberWrites, signedOutWrite } from '../memberships/records.ts'
import { doneErasureWrite, erasuresUnderWay, findErasure, newErasureWrite } from './store.ts'

type Needs = {
  table: Table
  now: Now
  wallNow: Now
  newId: NewId
  random: Random
  log: Log
  /** Withdraws what the member agreed to at a partner, where a token of it is kept. Without it nothing is revoked. */
  withdraw?: Withdraw
}

/**
 * Erases a member. One commit makes it certain: from then on nobody finds the member by the names it had, its sessions
 * are over, and the erasure is due until it is done. What follows may be broken off anywhere and is taken up again by
 * `eraseDue`: memberships end, consents are withdrawn at the partners, links end and their partners are told, accounts
 * and the log go.
 *
 * What stays names nobody: memberships with what was paid, entitlements, usage and statements under ids and pairwise
 * subjects, as accounting law asks; and the seller's own id of each sale, which is the seller's to erase.
 * @returns whether it is done; if not, it goes on by itself
 */
export async function eraseMember(needs: Needs, member: MemberId): Promise<{ isDone: boolean }> {
  await beginErasure(needs, member)
  try {
    await finishErasure(needs, member)
    return { isDone: true }
  } catch (error) {
    needs.log('warn', 'erasure-interrupted', { member, ...errorFields(error) })
    return { isDone: false }
  }
}

/** All that must hold before anything is answered, or none of it. */
async function beginErasure({ table, wallNow }: Needs, id: MemberId): Promise<void> {
  await againOnConflict(async () => {
    const [begun, member] = await Promise.all([findErasure(table, id), findMemberRecord(table, id)])
    if (begun || !member) return
    const at = wallNow()
    await table.commit([newErasureWrite(id, at), ...forgottenMemberWrites(member), signedOutWrite(member, at)])
  })
}

/**
 * Every step may be repeated and changes nothing then. Memberships first: once they are over, no link can come about;
 * and a partner is told of a link's end before the account is forgotten by which it knows it.
 */
async function finishErasure(needs: Needs, member: MemberId): Promise<void> {
  const { table, wallNow, log } = needs
  const erasure = await findErasure(table, member)
  if (erasure?.state !== 'under-way') return
  for (const membership of await allMemberships(needs, member)) {
    await endErased(needs, membership.id)
    await forgetSale(needs, membership)
  }
  await forgetLinks(needs, member)
  await table.write(doneErasureWrite(erasure, wallNow())).catch(passOverConflict)
  log('info', 'member-erased', { member })
}

/**
 * Takes up every erasure that was begun and is not done. Running it twice, or two at once, changes nothing more.
 * @throws AggregateError of those that failed, once all others are done
 */
export async function eraseDue(needs: Needs): Promise<number> {
  const failures: unknown[] = []
  let done = 0
  for await (const { member } of erasuresUnderWay(needs.table)) {
    // One that fails must not keep the others waiting for ever.
    await finishErasure(needs, member).then(
      () => {
        done += 1
      },
      error => failures.push(error),
    )
  }
  if (failures.length > 0) throw new AggregateError(failures, `${failures.length} erasures were not finished`)
  return done
}
