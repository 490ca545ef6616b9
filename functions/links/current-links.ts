import type { LinkRecord } from '../../schemas/link.ts'
import type { Table } from '../kernel/table.ts'
import { findLinkRecords } from './store.ts'

/** The links of these ids as they are at this moment, in no particular order; those that do not exist are left out. */
export const currentLinks = ({ table }: { table: Table }, ids: string[]): Promise<LinkRecord[]> =>
  findLinkRecords(table, ids)
