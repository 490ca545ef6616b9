import { namesOfBrands } from '../brands/brand-names.ts'
import { localized } from '../portal/language.ts'
import { findProgramme } from '../programmes/find-programme.ts'
import type { Desk, StaffVisit } from './desk.ts'

/** What a brand is called on a page: as `namesOfBrands` finds it, else its id. */
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
  const names = await namesOfBrands({ table }, { brands, operator })
  return brand => localized(names.get(brand) ?? brand, language)
}

/** What a programme is called. @throws Refusal programme-not-found */
export const programmeName = async ({ table }: Needs, { language }: Reader, programme: string): Promise<string> =>
  localized((await findProgramme({ table }, programme)).name, language)

/** What its benefits are called now; an id where a benefit has no name, or is there no more. */
export async function benefitNames({ table }: Needs, { language }: Reader, programme: string): Promise<Names> {
  const { benefits } = await findProgramme({ table }, programme)
  const names = new Map(benefits.map(({ id, name }) => [id, name ? localized(name, language) : id]))
  return benefit => names.get(benefit) ?? benefit
}
