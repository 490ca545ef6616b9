import { KeyRecord, SecretRecord } from '../../schemas/key.ts'
import { type Condition, check, put, recordType, type Table } from '../kernel/table.ts'
import type { Rotation } from './key-decisions.ts'

const key = recordType('key', KeyRecord)
const secret = recordType('secret', SecretRecord)
const partition = 'KEYS'
const addressOf = ({ purpose, sequence }: KeyRecord) => ({
  pk: partition,
  sk: `KEY#${purpose}#${String(sequence).padStart(6, '0')}`,
})
const create = (record: KeyRecord) => put(key, addressOf(record), record, { when: 'absent' })

/** Every key there ever was, those of one purpose in order of their sequence. */
export const allKeys = (table: Table): Promise<KeyRecord[]> => table.all(key, { partition, startsWith: 'KEY#' })

/**
 * Creates the first keys of a purpose, all or none. Their fixed sort keys let exactly one of several rivals win.
 * @throws Conflict when there are some already
 */
export const createFirstKeys = (table: Table, records: KeyRecord[]): Promise<void> => table.commit(records.map(create))

/**
 * Every record that changes, and the one that signs on, must be as the decision saw it, and the key behind them is
 * created once: of several rivals exactly one commits.
 * @throws Conflict when another rotation got in between
 */
export const commitRotation = (table: Table, { changes, signsOn }: Rotation, created: KeyRecord[]): Promise<void> =>
  table.commit([
    ...changes.map(({ before, after }) =>
      put(key, addressOf(after), { ...after, version: (before.version ?? 0) + 1 }, { when: unchanged(before) }),
    ),
    ...(signsOn ? [check(addressOf(signsOn), unchanged(signsOn))] : []),
    ...created.map(create),
  ])

const unchanged = ({ kid, activeFrom, version }: KeyRecord): Condition => ({
  equals: { kid, ...(activeFrom && { activeFrom }), ...(version !== undefined && { version }) },
})

export const findSecret = (table: Table, name: string) => table.get(secret, { pk: partition, sk: `SECRET#${name}` })

/** @throws Conflict when there is one already */
export const createSecret = (table: Table, record: SecretRecord): Promise<void> =>
  table.write(put(secret, { pk: partition, sk: `SECRET#${record.name}` }, record, { when: 'absent' }))
