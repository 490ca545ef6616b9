import type { Member } from '../../schemas/membership.ts'
import type { Table } from '../kernel/table.ts'
import { findMember } from '../memberships/find-member.ts'
import type { Session } from './session.ts'

/** The member behind a session; somebody who never bought a membership is none. */
export const memberOf = (needs: { table: Table }, { issuer, subject }: Session): Promise<Member | undefined> =>
  findMember(needs, { issuer, subject })
