import type { Entitlement, QuotaUse } from '../../schemas/entitlement.ts'
import type { Table } from '../kernel/table.ts'
import { entitlementsOf, findEntitlements, firstUses } from './store.ts'

type Needs = { table: Table }

/** Every entitlement that ever was at these partners, with all windows in which it was live, by id. */
export async function entitlementHistory({ table }: Needs, partners: string[]): Promise<Map<string, Entitlement>> {
  const lists = await Promise.all([...new Set(partners)].map(partner => entitlementsOf(table, partner)))
  return new Map(lists.flat().map(entitlement => [entitlement.id, entitlement]))
}

/** Those of the given ids that exist at the partner, by id. */
export async function entitlementsById(
  { table }: Needs,
  partner: string,
  ids: Iterable<string>,
): Promise<Map<string, Entitlement>> {
  const wanted = [...new Set(ids)].map(id => ({ partner, id }))
  return new Map((await findEntitlements(table, wanted)).map(entitlement => [entitlement.id, entitlement]))
}

/** What is still kept of the metered uses of a link, oldest first. */
export const usesOfLink = ({ table }: Needs, link: string, limit: number): Promise<QuotaUse[]> =>
  firstUses(table, link, limit)

/** Entitlements by partner and id, in no particular order. */
export const entitlementsNamed = (
  { table }: Needs,
  wanted: { partner: string; id: string }[],
): Promise<Entitlement[]> => findEntitlements(table, wanted)
