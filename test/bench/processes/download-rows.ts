import { statementCsv } from '../../../functions/reports/statement-csv.ts'
import { statementXlsx } from '../../../functions/reports/statement-xlsx.ts'
import type { Statement } from '../../../schemas/settlement.ts'

/**
 * Writes a statement of many lines as CSV or XLSX, discards it as fast as it comes, and prints what it took:
 * `node --import tsx download-rows.ts <csv|xlsx> [lines]`.
 */
const [form = 'xlsx', count = '100000'] = process.argv.slice(2)

const statement = {
  id: 'stm_00000000000000000000000000',
  programme: '88vip',
  period: '2026-10',
  debtor: 'alibaba',
  creditor: 'youku',
  currency: 'CNY',
  openingMinor: -1250,
  lines: Array.from({ length: Number(count) }, (_, at) => ({
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
} as unknown as Statement

const mebibytes = (bytes: number): number => Math.round(bytes / 1024 ** 2)
const before = process.memoryUsage().rss
const started = performance.now()
let bytes = 0
for await (const chunk of form === 'csv' ? statementCsv(statement) : await statementXlsx(statement))
  bytes += chunk.length
const seconds = Math.round(performance.now() - started) / 1000
const peak = process.resourceUsage().maxRSS * 1024
const figures = { form, lines: Number(count), seconds, bytes, baselineMiB: mebibytes(before), peakMiB: mebibytes(peak) }
process.stdout.write(`${JSON.stringify(figures)}\n`)
