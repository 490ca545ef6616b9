import * as z from 'zod'
import { Contract } from '../../schemas/contract.ts'
import { Slug } from '../../schemas/primitives.ts'
import { put, recordType, type Table, type Write } from '../kernel/table.ts'

const contract = recordType('contract', Contract)
const pointer = recordType('contract-pointer', z.strictObject({ id: Slug, programme: Slug }))
/** Serialises applies to one programme, so that two rivals cannot both miss the other's overlap. */
const book = recordType('contract-book', z.strictObject({ programme: Slug, version: z.int().min(1) }))

const contractKey = (programme: string, id: string) => ({ pk: `PROGRAMME#${programme}`, sk: `CONTRACT#${id}` })
const bookKey = (programme: string) => ({ pk: `PROGRAMME#${programme}`, sk: 'BOOK' })

export async function findContractRecord(table: Table, id: string): Promise<Contract | undefined> {
  const found = await table.get(pointer, { pk: `CONTRACT#${id}`, sk: 'HEAD' })
  return found && table.get(contract, contractKey(found.programme, id))
}

export const contractsOfProgramme = (table: Table, programme: string): Promise<Contract[]> =>
  table.all(contract, { partition: `PROGRAMME#${programme}`, startsWith: 'CONTRACT#' })

export const bookVersion = async (table: Table, programme: string): Promise<number> =>
  (await table.get(book, bookKey(programme)))?.version ?? 0

export const contractWrites = (record: Contract, bookBefore: number): Write[] => [
  put(contract, contractKey(record.programme, record.id), record),
  put(
    pointer,
    { pk: `CONTRACT#${record.id}`, sk: 'HEAD' },
    { id: record.id, programme: record.programme },
    { when: { absentOr: { programme: record.programme } } },
  ),
  put(
    book,
    bookKey(record.programme),
    { programme: record.programme, version: bookBefore + 1 },
    { when: bookBefore === 0 ? 'absent' : { equals: { version: bookBefore } } },
  ),
]
