import type { Member, Membership } from '../../schemas/membership.ts'
import type { Table } from '../kernel/table.ts'
import { findByIdentity, findMemberships, membershipReferences } from './store.ts'

type Identity = { issuer: string; subject: string }

/** The member behind a sign-in; nobody who never was sold a membership. */
export const findMember = ({ table }: { table: Table }, { issuer, subject }: Identity): Promise<Member | undefined> =>
  findByIdentity(table, issuer, subject)

/** The member's memberships that have not ended, at most one a programme. */
export async function liveMemberships({ table }: { table: Table }, member: string): Promise<Membership[]> {
  return (await allMemberships({ table }, member)).filter(({ state }) => state !== 'ended')
}

/** Every membership the member ever held, newest first. */
export async function allMemberships({ table }: { table: Table }, member: string): Promise<Membership[]> {
  const references = await membershipReferences(table, member)
  const memberships = await findMemberships(
    table,
    references.map(({ id }) => id),
  )
  return memberships.sort((a, b) => (a.id < b.id ? 1 : -1))
}
