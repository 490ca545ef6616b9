import type { LocalizedText } from '../../schemas/primitives.ts'
import type { Table } from '../kernel/table.ts'
import { registeredBy } from '../partners/find-partner.ts'
import { brandName } from './find-brand.ts'

type Asked = {
  brands: Iterable<string>
  /** The brand of the programme that the page or document is about. */
  operator?: string | undefined
}

/**
 * What pages and documents call brands: as the platform of the same name, which is known in each language; else by the
 * brand's own entry, else by the operator's; else as another platform of the brand. Of platforms those count that the
 * operator or the brand itself registered: what strangers registered names nobody. Brands that nobody named are left out.
 */
export async function namesOfBrands(
  { table }: { table: Table },
  { brands, operator }: Asked,
): Promise<Map<string, LocalizedText | string>> {
  const names = new Map<string, LocalizedText | string>()
  const platforms = await registeredBy({ table }, ({ brand, operator: by }) => by === brand || by === operator)
  for (const brand of new Set(brands)) {
    const own = platforms.filter(platform => platform.brand === brand)
    const name =
      own.find(({ id }) => id === brand)?.name ?? (await brandName({ table }, { brand, operator })) ?? own[0]?.name
    if (name !== undefined) names.set(brand, name)
  }
  return names
}
