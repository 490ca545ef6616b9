import { brandName } from '../brands/find-brand.ts'
import { knownPartners } from '../partners/find-partner.ts'
import { localized } from '../portal/language.ts'
import { findProgramme } from '../programmes/find-programme.ts'
import type { Desk, StaffVisit } from './desk.ts'

/** What a brand is called on a page: the name of its platform, else as it is registered, else its id. */
export type Names = (brand: string) => string

type Needs = Pick<Desk, 'table'>
type Reader = Pick<StaffVisit, 'language'>

/** `operator`: the brand of the programme that the page is about, whose registrations count after the brands' own. */
export async function brandNames(
  { table }: Needs,
  { language }: Reader,
  brands: Iterable<string>,
  operator?: string,
): Promise<Names> {
  const ids = [...new Set(brands)]
  const partners = await knownPartners({ table }, ids)
  const names = new Map(partners.map(({ id, name }) => [id, localized(name, language)]))
  for (const id of ids.filter(one => !names.has(one))) {
    const name = await brandName({ table }, { brand: id, operator })
    if (name !== undefined) names.set(id, name)
  }
  return brand => names.get(brand) ?? brand
}

/** What a programme is called. @throws Refusal programme-not-found */
export const programmeName = async ({ table }: Needs, { language }: Reader, programme: string): Promise<string> =>
  localized((await findProgramme({ table }, programme)).name, language)
