import type { NettingView } from '../../schemas/settlement.ts'
import { majorAmount } from '../reports/amount.ts'
import type { Column } from '../reports/table.ts'
import type { Words } from './words.ts'

/** One row of what the page shows: a gross debt, a brand's position, or a payment. */
export type NettingRow = {
  row: 'gross' | 'position' | 'payment'
  from: string
  to?: string
  currency: string
  grossMinor?: number
  netMinor?: number
  owesMinor?: number
  owedMinor?: number
  agreement?: string
  state?: string
  paidOn?: string
  reference?: string
}

export const nettingRows = ({ gross, brands, payments }: NettingView): NettingRow[] => [
  ...gross.map(
    ({ debtor, creditor, currency, amountMinor }): NettingRow => ({
      row: 'gross',
      from: debtor,
      to: creditor,
      currency,
      grossMinor: amountMinor,
    }),
  ),
  ...brands.map(({ brand, ...position }): NettingRow => ({ row: 'position', from: brand, ...position })),
  ...payments.map(
    ({ from, to, currency, grossMinor, netMinor, agreement, state, confirmation }): NettingRow => ({
      row: 'payment',
      from,
      to,
      currency,
      grossMinor,
      netMinor,
      agreement,
      state,
      ...(confirmation && { paidOn: confirmation.paidOn, reference: confirmation.reference }),
    }),
  ),
]

type AmountOf = (row: NettingRow) => number | undefined

/** Machine names for programs; titles as on the page. */
export function nettingColumns({ money: { netting: m, statement } }: Words): Column<NettingRow>[] {
  const text = (name: string, title: string, of: (row: NettingRow) => string | undefined): Column<NettingRow> => ({
    name,
    title,
    kind: 'text',
    of,
  })
  const amount = (name: string, title: string, of: AmountOf): Column<NettingRow> => ({
    name,
    title,
    kind: 'amount',
    of: row => {
      const amountMinor = of(row)
      return amountMinor === undefined ? undefined : majorAmount(amountMinor, row.currency)
    },
  })
  return [
    text('row', m.row, ({ row }) => row),
    text('from', m.from, ({ from }) => from),
    text('to', m.to, ({ to }) => to),
    text('currency', statement.currency, ({ currency }) => currency),
    amount('gross', m.grossAmount, ({ grossMinor }) => grossMinor),
    amount('owes', m.owes, ({ owesMinor }) => owesMinor),
    amount('owed', m.owedColumn, ({ owedMinor }) => owedMinor),
    amount('net', m.net, ({ netMinor }) => netMinor),
    text('agreement', m.agreement, ({ agreement }) => agreement),
    text('state', m.state, ({ state }) => state),
    { name: 'paid_on', title: m.paidOn, kind: 'day', of: ({ paidOn }) => paidOn },
    text('reference', m.reference, ({ reference }) => reference),
  ]
}
