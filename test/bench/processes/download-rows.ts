import { statementCsv } from '../../../functions/reports/statement-csv.ts'
import { statementXlsx } from '../../../functions/reports/statement-xlsx.ts'
import type { Statement } from '../../../schemas/settlement.ts'
import { answering } from './answering.ts'
import { measured } from './reconcile-figures.ts'

/** A statement of as many lines, which are in memory before its file is begun. */
const statementOf = (count: number): Statement =>
  ({
    id: 'stm_00000000000000000000000000',
    programme: '88vip',
    period: '2026-10',
    debtor: 'alibaba',
    creditor: 'youku',
    currency: 'CNY',
    openingMinor: -1250,
    lines: Array.from({ length: count }, (_, at) => ({
      id: `youku-2026:line-${at}:2026-10`,
      contract: 'youku-2026',
      line: `line-${at}`,
      model: 'revenue-share',
      benefit: 'youku-vip',
      originPeriod: '2026-10',
      quantity: (at * 7919) % 100_003,
      amountBaseMinor: (at * 104_729) % 10_000_019,
      amountMinor: (at * 15_485_863) % 1_000_003,
    })),
    subtotalMinor: 0,
    taxMinor: 0,
    totalMinor: 0,
    previousHash: '0'.repeat(64),
    hash: '0'.repeat(64),
  }) as unknown as Statement

/** Writes a statement of many lines as a file, discards it as fast as it comes, and tells how long the file was. */
answering({
  run: ({ form, lines }: { form: 'csv' | 'xlsx'; lines: number }) =>
    measured(async () => {
      const statement = statementOf(lines)
      let bytes = 0
      for await (const chunk of form === 'csv' ? statementCsv(statement) : await statementXlsx(statement))
        bytes += chunk.length
      return bytes
    }),
})
