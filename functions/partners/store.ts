import { PartnerRecord } from '../../schemas/partner.ts'
import { put, recordType, type Table, type Write } from '../kernel/table.ts'

const partner = recordType('partner', PartnerRecord)
const key = (id: string) => ({ pk: `PARTNER#${id}`, sk: 'HEAD' })

export const findRecord = (table: Table, id: string): Promise<PartnerRecord | undefined> => table.get(partner, key(id))

export const findRecords = (table: Table, ids: string[]): Promise<PartnerRecord[]> =>
  table.getMany(partner, [...new Set(ids)].map(key))

export const allRecords = (table: Table): Promise<PartnerRecord[]> =>
  table.all(partner, { partition: 'PARTNERS', index: 'gsi1' })

export const partnerWrite = (record: PartnerRecord, before: PartnerRecord | undefined): Write =>
  put(partner, { ...key(record.id), gsi1pk: 'PARTNERS', gsi1sk: record.id }, record, {
    when: before ? { equals: { version: before.version } } : 'absent',
  })
