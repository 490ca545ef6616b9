import { type KeyPurpose, KeyRecord, SecretRecord } from '../../schemas/key.ts'
import { put, recordType, type Table } from '../kernel/table.ts'

const key = recordType('key', KeyRecord)
const secret = recordType('secret', SecretRecord)
const partition = 'KEYS'

export const keysOf = (table: Table): Promise<KeyRecord[]> => table.all(key, { partition, startsWith: 'KEY#' })

/**
 * Creates the first key of a purpose. The fixed sort key lets exactly one of several rivals win.
 * @throws Conflict when there is one already
 */
export const createFirstKey = (table: Table, record: KeyRecord): Promise<void> =>
  table.write(put(key, { pk: partition, sk: `KEY#${record.purpose}#000001` }, record, { when: 'absent' }))

export const findSecret = (table: Table, name: string) => table.get(secret, { pk: partition, sk: `SECRET#${name}` })

/** @throws Conflict when there is one already */
export const createSecret = (table: Table, record: SecretRecord): Promise<void> =>
  table.write(put(secret, { pk: partition, sk: `SECRET#${record.name}` }, record, { when: 'absent' }))

export const purposes: KeyPurpose[] = ['entitlement', 'status-list', 'event', 'statement', 'access']
