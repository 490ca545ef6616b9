import type { Period } from '../../schemas/primitives.ts'
import type { Balance, Transfer } from '../../schemas/settlement.ts'
import type { Table } from '../kernel/table.ts'
import { listBalances, listTransfers } from './store.ts'

type Needs = { table: Table }

/** What each account holds: credits minus debits, in minor units. */
export const balances = ({ table }: Needs, programme: string): Promise<Balance[]> => listBalances(table, programme)

/** Transfers of a period in the order of posting; none before it is posted. */
export const transfersOfPeriod = (
  { table }: Needs,
  { programme, period }: { programme: string; period: Period },
): Promise<Transfer[]> => listTransfers(table, programme, period)
