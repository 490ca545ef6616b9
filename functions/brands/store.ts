import { BrandRecord } from '../../schemas/brand.ts'
import { put, recordType, type Table, type Write } from '../kernel/table.ts'

const entry = recordType('brand', BrandRecord)
const version = recordType('brand-version', BrandRecord)

/** A brand's entry by who registered it. Slugs are lower-case: no registrar is called VERSION. */
export type EntryName = { brand: string; registrar: string }
const partition = (brand: string) => `BRAND#${brand}`
const entryKey = ({ brand, registrar }: EntryName) => ({ pk: partition(brand), sk: registrar })
const versionPrefix = (registrar: string) => `VERSION#${registrar}#`

export const findEntry = (table: Table, name: EntryName): Promise<BrandRecord | undefined> =>
  table.get(entry, entryKey(name))

/** Those that exist, in no particular order. */
export function findEntries(table: Table, names: EntryName[]): Promise<BrandRecord[]> {
  const keys = new Map(names.map(name => [`${name.brand} ${name.registrar}`, entryKey(name)]))
  return table.getMany(entry, [...keys.values()])
}

/** What an entry was over time, oldest first. */
export const listVersions = (table: Table, { brand, registrar }: EntryName): Promise<BrandRecord[]> =>
  table.all(version, { partition: partition(brand), startsWith: versionPrefix(registrar) })

/** The entry, and the version of it that stays. @throws Conflict from `commit` when a rival has changed it */
export function entryWrites(record: BrandRecord, before: BrandRecord | undefined): Write[] {
  const { id: brand, registrar } = record
  const sk = `${versionPrefix(registrar)}${String(record.version).padStart(6, '0')}`
  return [
    put(entry, entryKey({ brand, registrar }), record, {
      when: before ? { equals: { version: before.version } } : 'absent',
    }),
    put(version, { pk: partition(brand), sk }, record, { when: 'absent' }),
  ]
}
