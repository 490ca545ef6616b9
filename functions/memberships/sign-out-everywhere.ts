import type { MemberId } from '../../schemas/ids.ts'
import type { Instant } from '../../schemas/primitives.ts'
import { isBefore, type Now } from '../kernel/clock.ts'
import type { NewId } from '../kernel/ids.ts'
import { againOnConflict, type Table, type Write } from '../kernel/table.ts'
import { activityWrite } from '../links/records.ts'
import { notErased } from '../privacy/records.ts'
import { findByIdentity, findMemberRecord, findSignedOut, signedOutWrite } from './store.ts'

type Needs = { table: Table; now: Now; wallNow: Now; newId: NewId }
type Identity = { issuer: string; subject: string }

/** Ends every session of a person, wherever it was begun; one that begins afterwards works. */
export async function signOutEverywhere(needs: Needs, identity: Identity): Promise<void> {
  const { table, wallNow } = needs
  await againOnConflict(async () => {
    const member = await findByIdentity(table, identity.issuer, identity.subject)
    const line = member ? [noted(needs, member.id), notErased(member.id)] : []
    await table.commit([signedOutWrite(identity, wallNow()), ...line])
  })
}

/** The same as part of a larger commit, for a member. */
export async function signOutWrites(needs: Needs, memberId: MemberId): Promise<Write[]> {
  const member = await findMemberRecord(needs.table, memberId)
  return member ? [signedOutWrite(member, needs.wallNow()), noted(needs, member.id)] : []
}

const noted = ({ now, newId }: Needs, member: MemberId): Write =>
  activityWrite(member, newId('act'), { at: now(), action: 'signed-out-everywhere' })

/** Whether a session has been ended from elsewhere. Read anew each time: a fraud must not live on in a cache. */
export async function isSignedOut(
  { table }: { table: Table },
  { startedAt, ...identity }: Identity & { startedAt: Instant },
): Promise<boolean> {
  const found = await findSignedOut(table, identity)
  return found !== undefined && !isBefore(found.before, startedAt)
}
