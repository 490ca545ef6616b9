import type { Brand, BrandRecord, SettlementAccount } from '../../schemas/brand.ts'
import type { Caller } from '../../schemas/client.ts'
import { Refusal } from '../kernel/refusal.ts'
import type { Table } from '../kernel/table.ts'
import { findEntries, findEntry } from './store.ts'

type Needs = { table: Table }

/** An entry as its registrar sees it. */
export async function shown({ table }: Needs, { registrar, client: _client, ...brand }: BrandRecord): Promise<Brand> {
  const own = registrar !== brand.id && (await findEntry(table, { brand: brand.id, registrar: brand.id }))
  return { ...brand, inUse: !own }
}

/** The caller's own entry: what others registered for the brand is theirs to see. @throws Refusal brand-not-found */
export async function findBrand(
  needs: Needs,
  { caller, id }: { caller: Pick<Caller, 'brand'>; id: string },
): Promise<Brand> {
  const entry = await findEntry(needs.table, { brand: id, registrar: caller.brand })
  if (!entry) {
    const whom = id === caller.brand ? 'itself' : id
    throw new Refusal('brand-not-found', `${caller.brand} has not registered ${whom}: PUT /v1/brands/${id}`)
  }
  return shown(needs, entry)
}

/**
 * The settlement accounts of brands as an operator pays from and to them: the one that the brand itself registered, else
 * the operator's own entry. What anybody else registered leads no payment of this operator anywhere.
 */
export async function settlementAccounts(
  needs: Needs,
  { operator, brands }: { operator: string; brands: Iterable<string> },
): Promise<Map<string, SettlementAccount>> {
  const entries = await entriesFor(needs, operator, brands)
  return new Map(entries.map(({ id, settlementAccount }) => [id, settlementAccount]))
}

/**
 * What a brand is called, by its own entry or else by the operator's: no more of it, for pages that show many.
 * `operator`: of the programme that the page is about; without it only the brand's own word counts.
 */
export async function brandName(
  needs: Needs,
  { brand, operator = brand }: { brand: string; operator?: string | undefined },
): Promise<string | undefined> {
  const [entry] = await entriesFor(needs, operator, [brand])
  return entry?.name
}

/** One entry a brand, where there is one: its own before the operator's. */
async function entriesFor({ table }: Needs, operator: string, brands: Iterable<string>): Promise<BrandRecord[]> {
  const names = [...new Set(brands)].flatMap(brand => [
    { brand, registrar: operator },
    { brand, registrar: brand },
  ])
  const entries = await findEntries(table, names)
  const chosen = new Map<string, BrandRecord>()
  for (const entry of entries) if (entry.registrar === entry.id || !chosen.has(entry.id)) chosen.set(entry.id, entry)
  return [...chosen.values()]
}
