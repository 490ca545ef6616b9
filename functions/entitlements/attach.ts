import type { Entitlement } from '../../schemas/entitlement.ts'
import type { AccountRecord, LinkRecord } from '../../schemas/link.ts'
import { Refusal } from '../kernel/refusal.ts'
import type { Table, Write } from '../kernel/table.ts'
import { accountWrite, findAccount, findLinkRecord } from '../links/records.ts'
import { isTerminal } from './derive.ts'

/**
 * Notes at each partner account which benefits its link now holds, for memberships that find their member already
 * linked. Accounts about which nothing new is known are not written.
 * @throws Refusal already-entitled when another live link of an account holds one of the benefits
 */
export async function attachLinks(table: Table, links: LinkRecord[], entitlements: Entitlement[]): Promise<Write[]> {
  const writes = await Promise.all(
    links.map(async link => {
      const account = await findAccount(table, link.partner, link.account)
      if (!account) return []
      const own = entitlements.filter(entitlement => entitlement.link === link.id && !isTerminal(entitlement.state))
      const fresh = own.map(({ benefit }) => benefit).filter(benefit => account.grants[benefit] !== link.id)
      if (fresh.length === 0) return []
      const held = await grantedElsewhere(table, account, fresh, link.id)
      if (held.length > 0)
        throw new Refusal(
          'already-entitled',
          `the account linked at ${link.partner} already has ${held.join(', ')}: unlink it first`,
        )
      const grants = { ...account.grants, ...Object.fromEntries(fresh.map(benefit => [benefit, link.id])) }
      return [accountWrite({ ...account, version: account.version + 1, grants }, account)]
    }),
  )
  return writes.flat()
}

/** Benefits of these that another live link of the account holds: a second grant is refused, not stacked in silence. */
export async function grantedElsewhere(
  table: Table,
  account: AccountRecord | undefined,
  benefits: string[],
  own?: string,
) {
  const holders = benefits
    .map(benefit => ({ benefit, holder: account?.grants[benefit] }))
    .filter(({ holder }) => holder !== undefined && holder !== own)
  const standing = await Promise.all(
    holders.map(async ({ benefit, holder }) => {
      // A grant is noted when a link is made and may have died since with its membership: the link itself decides.
      const link = holder && (await findLinkRecord(table, holder))
      const holds =
        link &&
        link.state === 'active' &&
        // An option that the member may still choose is no grant yet; choosing it asks here again.
        link.entitlements.some(held => held.benefit === benefit && held.state !== 'offered')
      return holds ? [benefit] : []
    }),
  )
  return standing.flat()
}
