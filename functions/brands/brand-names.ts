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
 * What pages and documents call brands: by the brand's own entry, else by the operator's, else as the platform that the
 * operator or the brand itself registered for it. What strangers registered names nobody. Brands that nobody named are
 * left out.
 */
export async function namesOfBrands(
  { table }: { table: Table },
  { brands, operator }: Asked,
): Promise<Map<string, LocalizedText | string>> {
  const names = new Map<string, LocalizedText | string>()
  const unnamed: string[] = []
  for (const brand of new Set(brands)) {
    const name = await brandName({ table }, { brand, operator })
    if (name === undefined) unnamed.push(brand)
    else names.set(brand, name)
  }
  if (unnamed.length === 0) return names
  const platforms = await registeredBy({ table }, ({ brand, operator: by }) => by === brand || by === operator)
  for (const brand of unnamed) {
    const own = platforms.filter(platform => platform.brand === brand)
    // A brand may have several platforms: the one of its own name stands for it.
    const platform = own.find(({ id }) => id === brand) ?? own[0]
    if (platform) names.set(brand, platform.name)
  }
  return names
}
