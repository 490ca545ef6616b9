import { Programme, ProgrammeHead } from '../../schemas/programme.ts'
import { type Page, put, recordType, type Table, type Write } from '../kernel/table.ts'

const head = recordType('programme-head', ProgrammeHead)
const version = recordType('programme', Programme)

const headKey = (id: string) => ({ pk: `PROGRAMME#${id}`, sk: 'HEAD' })
const versionKey = (id: string, number: number) => ({
  pk: `PROGRAMME#${id}`,
  sk: `VERSION#${String(number).padStart(6, '0')}`,
})

export const findHead = (table: Table, id: string): Promise<ProgrammeHead | undefined> => table.get(head, headKey(id))

export const findVersion = (table: Table, id: string, number: number): Promise<Programme | undefined> =>
  table.get(version, versionKey(id, number))

export const listHeads = (table: Table, cursor?: string): Promise<Page<ProgrammeHead>> =>
  table.query(head, { partition: 'PROGRAMMES', index: 'gsi1', cursor })

/** A new version and the head that names it; conditional on the head that was read. */
export const versionWrites = (programme: Programme, before: ProgrammeHead | undefined): Write[] => [
  put(version, versionKey(programme.id, programme.version), programme, { when: 'absent' }),
  put(
    head,
    { ...headKey(programme.id), gsi1pk: 'PROGRAMMES', gsi1sk: programme.id },
    {
      id: programme.id,
      brand: programme.brand,
      version: programme.version,
      createdAt: before?.createdAt ?? programme.appliedAt,
      timeZone: programme.timeZone,
    },
    { when: before ? { equals: { version: before.version } } : 'absent' },
  ),
]
